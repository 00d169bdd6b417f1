"""Finds in Swift sources the places that a generated mutant can change, and writes the changes.

Each change asks at run time whether it is the one that is on, so that all of them stand in one build. Nothing here understands types: what
does not compile is dropped by generate.py. No change adds or removes a line, so that the compiler's places are those of the source.
"""

import re
from dataclasses import dataclass, field

# What each operator becomes.
BECOMES = {"==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "&&": "||", "||": "&&"}
# An operator of its own for each place keeps the precedence without knowing the operands. `/` and `*` would make comments.
DIGITS = "~^%+"
SUPPORT = """
internal import GatehouseCore
internal import Glibc

let mutantNumber = getenv("GATEHOUSE_MUTANT").flatMap { Int(String(cString: $0)) } ?? 0
/// A byte for each mutant that would have made a difference, in a file that reach.py reads.
nonisolated(unsafe) let mutantReached: UnsafeMutablePointer<UInt8>? = {
    guard let path = getenv("GATEHOUSE_MUTANT_REACHED") else { return nil }
    let file = open(path, O_RDWR)
    defer { close(file) }
    let size = Int(lseek(file, 0, SEEK_END))
    guard let place = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), Int(bitPattern: place) != -1 else { return nil }
    return place.bindMemory(to: UInt8.self, capacity: size)
}()
func mutantIsOn(_ number: Int, differs: Bool = true) -> Bool {
    if differs, let mutantReached { mutantReached[number] = 1 }
    return mutantNumber == number
}
func mutantChoice(_ number: Int, _ value: Bool, _ other: Bool) -> Bool { mutantIsOn(number, differs: value != other) ? other : value }
func mutantFlip(_ number: Int, _ value: Bool) -> Bool { mutantChoice(number, value, !value) }
func mutantTrue(_ number: Int, _ value: Bool) -> Bool { mutantChoice(number, value, true) }
func mutantFalse(_ number: Int, _ value: Bool) -> Bool { mutantChoice(number, value, false) }
func mutantMore<Number: BinaryInteger>(_ number: Int, _ by: Number, _ value: Number) -> Number { mutantIsOn(number) ? value + by : value }
/// Types that are compared with literals, without being made of them.
protocol MutantText { static func == (one: Self, two: StaticString) -> Bool }
func mutantLess<Number: BinaryInteger>(_ number: Int, _ by: Number, _ value: Number) -> Number { mutantIsOn(number) ? value - by : value }
"""


@dataclass(frozen=True)
class Site:
    """A change of one stretch of text: `before` and `behind` are put around it, or `instead` in its place."""

    file: str
    start: int
    end: int
    kind: str
    place: str
    line: int
    last: int
    text: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.file, self.place, self.text, self.kind


@dataclass
class Source:
    file: str
    text: str
    code: str = field(init=False)

    def __post_init__(self) -> None:
        self.code = masked(self.text)


def end_of_string(text: str, at: int) -> int:
    """The place behind a literal that begins at `at`, with all that is interpolated in it."""
    hashes = re.compile("#*").match(text, at).group()
    at += len(hashes)
    quote = '"""' if text.startswith('"""', at) else '"'
    at += len(quote)
    escape = "\\" + hashes
    while at < len(text):
        if text.startswith(escape + "(", at):
            at, depth = at + len(escape) + 1, 1
            while depth:
                if text[at] == '"':
                    at = end_of_string(text, at)
                    continue
                depth += {"(": 1, ")": -1}.get(text[at], 0)
                at += 1
        elif text.startswith(escape, at):
            at += len(escape) + 1
        elif text.startswith(quote + hashes, at):
            return at + len(quote + hashes)
        else:
            at += 1
    return at


def masked(text: str) -> str:
    """The text with a blank for everything in comments, and `_` for literals of text and compiler directives."""
    out, at = list(text), 0

    def blank(end: int, by: str) -> int:
        for place in range(at, end):
            if out[place] != "\n":
                out[place] = by
        return end

    while at < len(text):
        if text.startswith("//", at):
            end = text.find("\n", at)
            at = blank(len(text) if end < 0 else end, " ")
        elif text.startswith("/*", at):
            at = blank(text.index("*/", at) + 2, " ")
        elif re.compile('#*"').match(text, at):
            at = blank(end_of_string(text, at), "_")
        elif re.compile(r"#(if|elseif|else|endif)\b").match(text, at):
            at = blank(text.index("\n", at), "_")
        else:
            at += 1
    return "".join(out)


OPENS, CLOSES = "([{", ")]}"


def clauses(code: str, at: int, word: str) -> list[tuple[int, int]]:
    """The conditions between `guard`, `if` or `while` and what follows them."""
    found, depth, start = [], 0, at
    while at < len(code):
        one = code[at]
        ends = depth == 0 and (one == "{" if word != "guard" else re.compile(r"\belse\b").match(code, at) is not None)
        if ends or depth == 0 and one == ",":
            found.append((start, at))
            if ends:
                break
            start = at + 1
        elif one in OPENS:
            depth += 1
        elif one in CLOSES:
            depth -= 1
            if depth < 0:
                return []
        at += 1
    trimmed = []
    for start, end in found:
        while start < end and code[start].isspace():
            start += 1
        while end > start and code[end - 1].isspace():
            end -= 1
        trimmed.append((start, end))
    return trimmed


def end_of_statement(code: str, at: int) -> int | None:
    """The end of a statement that is a call, on one line or with its brackets on several; None when it is something else."""
    head = re.compile(r"(?:try |await )*[a-zA-Z_][\w.?!]*\(").match(code, at)
    if not head:
        return None
    depth = 0
    while at < len(code):
        if code[at] in OPENS:
            depth += 1
        elif code[at] in CLOSES:
            if depth == 0:
                return None
            depth -= 1
            if depth == 0 and at + 1 >= head.end():
                rest = re.compile(r"[ \t]*(\}?)[ \t]*\n\s*(\S?)").match(code, at + 1)
                return at + 1 if rest and rest.group(2) not in set(".?:+-&|=<>!") else None
        at += 1
    return None


def places(code: str) -> list[tuple[int, str]]:
    """Where functions, initialisers and properties with a body begin, with their names."""
    pattern = re.compile(r"\b(?:func\s+([^\s(<]+)|(init)\??[(<]|(subscript)\(|(?:var|let)\s+(\w+)\b[^=\n]*\{|static let (\w+))")
    return [(found.start(), next(name for name in found.groups() if name)) for found in pattern.finditer(code)]


def sites(source: Source) -> list[Site]:
    code, found, named = source.code, [], places(source.code)
    starts = [0] + [place.end() for place in re.finditer("\n", code)]
    lines = source.text.split("\n")

    def add(start: int, end: int, kind: str) -> None:
        line = code.count("\n", 0, start)
        column = sum(one.kind.split(" #")[0] == kind and one.line == line + 1 for one in found)
        if column:
            kind = f"{kind} #{column + 1}"
        place = next((name for at, name in reversed(named) if at <= start), "")
        found.append(Site(source.file, start, end, kind, place, line + 1, code.count("\n", 0, end) + 1, lines[line].strip()))

    for one in re.finditer(r"(?<=\s)(==|!=|<=|>=|<|>|&&|\|\|)(?=\s)", code):
        if not code[: one.start()].rstrip().endswith("func"):
            add(one.start(), one.end(), f"{one.group()} becomes {BECOMES[one.group()]}")
    for one in re.finditer(r"(?<![\w#.])(guard|if|while)\b(?!:)", code):
        for start, end in clauses(code, one.end(), one.group()):
            condition = code[start:end]
            if not condition or re.match(r"(let|var|case)\b|#|_?$|true$|false$", condition):
                continue
            add(start, end, "condition always holds" if one.group() == "guard" else "condition never holds")
            if not re.search(r"\s(==|!=|<=|>=|<|>|&&|\|\|)\s", condition):
                add(start, end, "condition is negated")
    for one in re.finditer(r"(?<![\w.])(true|false)\b(?!:)", code):
        add(one.start(), one.end(), f"{one.group()} becomes {'false' if one.group() == 'true' else 'true'}")
    for one in re.finditer(r"(?<= [+-] )1\b(?![.\w])", code):
        add(one.start(), one.end(), "1 becomes 2")
        add(one.start(), one.end(), "1 becomes 0")
    for one in re.finditer(r"static let \w+(?:: U?Int\d*)? = ([\d_ <*]+)$", code, re.MULTILINE):
        add(one.start(1), one.end(1), "one more")
        add(one.start(1), one.end(1), "one less")
    for begin in starts:
        line = code[begin : code.find("\n", begin)]
        # A statement on a line of its own, or behind the label of a case.
        head = re.match(r"\s*(?:(?:case\b.*?|default):\s+)?", line)
        before = code[:begin].rstrip()
        if head.group().strip() == "" and before and (before[-1] in "=,(:[&|?+-" or re.search(r"\b(return|in|throw|else)$", before)):
            continue
        start = begin + head.end()
        end = end_of_statement(code, start)
        if end and not re.match(r"(return|throw|precondition|fatalError|assert|super|self\.init|init|if|guard|while|for|switch|func|case)\b", code[start:]):
            add(start, end, "statement is removed")
    return found


def around(site: Site, number: int, source: Source) -> tuple[str, str]:
    """The text to put before and behind the site."""
    kind = site.kind.split(" #")[0]
    if kind == "condition always holds":
        return f"mutantTrue({number}, ", ")"
    if kind == "condition never holds":
        return f"mutantFalse({number}, ", ")"
    if kind in {"condition is negated", "true becomes false", "false becomes true"}:
        return f"mutantFlip({number}, ", ")"
    if kind in {"1 becomes 2", "one more"}:
        return f"mutantMore({number}, 1, ", ")"
    if kind in {"1 becomes 0", "one less"}:
        return f"mutantLess({number}, 1, ", ")"
    if kind == "statement is removed":
        return f"if !mutantIsOn({number}) {{ ", " }"
    return "", tail(number)


def tail(number: int) -> str:
    digits = ""
    while number:
        digits, number = DIGITS[number % 4] + digits, number // 4
    return "~" + digits


def operator(site: Site, number: int, source: Source) -> str:
    """The declaration of a site's operator; nothing for another kind of site."""
    sign = site.kind.split(" ")[0]
    if sign not in BECOMES:
        return ""
    other, name = BECOMES[sign], sign + tail(number)
    if sign in {"&&", "||"}:
        kind = "LogicalConjunctionPrecedence" if sign == "&&" else "LogicalDisjunctionPrecedence"
        # Where the other's second half is asked alone, nobody knows what it comes to.
        body = f"""
    guard !mutantIsOn({number}, differs: false) else {{ return try one {other} two() }}
    let value = try one {sign} two()
    _ = mutantIsOn({number}, differs: {"!value" if sign == "&&" else "value"})
    return value
"""
        return f"infix operator {name} : {kind}\nfunc {name} (one: Bool, two: @autoclosure () throws -> Bool) rethrows -> Bool {{{body}}}\n"
    choice = f"mutantChoice({number}, one {sign} two, one {other} two)"
    text = f"infix operator {name} : ComparisonPrecedence\n"
    if sign in {"==", "!="}:
        if source.text[site.end :].lstrip().startswith('"'):
            equal = "one == two" if sign == "==" else "!(one == two)"
            text += f"func {name} <T: MutantText>(one: T, two: StaticString) -> Bool {{ mutantFlip({number}, {equal}) }}\n"
        text += f"func {name} <T: Equatable>(one: T, two: T) -> Bool {{ {choice} }}\n"
        return text + f"func {name} <T>(one: T?, two: _OptionalNilComparisonType) -> Bool {{ {choice} }}\n"
    text += f"func {name} <T: Comparable>(one: T, two: T) -> Bool {{ {choice} }}\n"
    # Indices and counts of different types.
    return text + f"@_disfavoredOverload func {name} <T: BinaryInteger, U: BinaryInteger>(one: T, two: U) -> Bool {{ {choice} }}\n"


def written(source: Source, chosen: list[tuple[int, Site]]) -> str:
    """The text with all changes. Those of the same stretch lie in each other in the order given."""
    pieces: list[tuple[int, int, int, str]] = []
    for order, (number, site) in enumerate(chosen):
        before, behind = around(site, number, source)
        width = site.end - site.start
        # At one place, what ends stands before what begins; the wider begins first and ends last.
        pieces.append((site.start, 1, -width * 10_000 + order, before))
        pieces.append((site.end, 0, width * 10_000 - order, behind))
    text, last = "", 0
    for at, _, _, piece in sorted(pieces):
        text += source.text[last:at] + piece
        last = at
    return text + source.text[last:]
