"""Says of JSON-RPC bodies whether rules on arguments let them through, as readers in Python would see the arguments.

The first line of stdin is a list of rule sets: {"only": bool, "rules": [{"path": [names], "texts": [], "numbers": [], "truths": [], "min": , "max": }]}.
Each further line is the number of a rule set and a base64 body. One line of JSON for each on stdout: null for what is no JSON, else
{"plain": bool, "all": bool}: whether the arguments pass as json.loads reads them, and whether they do in every reading: with the first and the last of
members of one name, with every member whose name folds into the ruled one, with exact and with rounded numbers, with paths followed.
"""

import base64
import json
import posixpath
import re
import sys
import unicodedata
from decimal import Context, Decimal, setcontext
from urllib.parse import unquote

from pydantic import AnyUrl, TypeAdapter

# A number beyond what decimals hold is infinite and passes nothing, in place of ending the reader.
setcontext(Context(traps=[]))
URL = TypeAdapter(AnyUrl)
UNSEEN = re.compile("[\u0000-\u0020\u007f\u00a0\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")


class Number:
    """As it is written."""

    def __init__(self, text):
        self.text = text


class Pairs(list):
    """An object with all of its members."""


def folded(name):
    name = UNSEEN.sub("", unicodedata.normalize("NFKC", name)).casefold()
    return name[:1] + name[1:].replace("_", "")


def matches(pattern, text):
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), text, re.DOTALL) is not None


def text_passes(pattern, text, strictly):
    if not matches(pattern, text):
        return False
    if not strictly or "*" not in pattern:
        return True
    if "://" in pattern:
        try:
            return matches(pattern, str(URL.validate_python(text))) and matches(pattern, unquote(text))
        except ValueError:
            return False
    if "/" in pattern:
        for read in (text, unquote(text)):
            followed = posixpath.normpath(read.replace("\\", "/"))
            if not matches(pattern, followed) and not matches(pattern, followed + "/"):
                return False
    return text.split("\0")[0] == text


def number_passes(rule, number):
    readings = [Decimal(number.text)]
    if abs(readings[0]) < Decimal(10) ** 300:
        readings.append(Decimal(repr(float(number.text))))
    else:
        return False
    is_whole = re.fullmatch("-?[0-9]+", number.text) is not None
    for reading in readings:
        listed = any(Decimal(one) == reading and ("." not in one) == is_whole for one in rule["numbers"])
        bounded = (rule["min"] is not None or rule["max"] is not None) and (
            (rule["min"] is None or reading >= Decimal(rule["min"]))
            and (rule["max"] is None or reading <= Decimal(rule["max"]))
        )
        if not listed and not bounded:
            return False
    return True


def value_passes(rule, value, strictly):
    if isinstance(value, list) and not isinstance(value, Pairs):
        return bool(value) and all(not isinstance(one, list) and value_passes(rule, one, strictly) for one in value)
    if isinstance(value, bool):
        return value in rule["truths"]
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return False
        return value != "" and any(text_passes(pattern, value, strictly) for pattern in rule["texts"])
    if isinstance(value, Number):
        return number_passes(rule, value)
    return False


def found(value, path, strictly):
    """Every value that a reader finds there, nothing where one finds none."""
    if not path:
        return [value]
    if not isinstance(value, Pairs):
        return []
    if strictly:
        members = [member for name, member in value if folded(name) == folded(path[0])]
    else:
        members = [member for name, member in value if name == path[0]][-1:]
    below = [found(member, path[1:], strictly) for member in members]
    return [one for some in below for one in some] if all(below) else []


def only(rules, value, prefix):
    if not isinstance(value, Pairs):
        return True
    for name, member in value:
        path = prefix + [name]
        ruled = [rule["path"] for rule in rules if rule["path"][:len(path)] == path]
        if not ruled or (path not in ruled and not only(rules, member, path)):
            return False
    return True


def passes(rule_set, arguments, strictly):
    for rule in rule_set["rules"]:
        values = found(arguments, rule["path"], strictly)
        if not values or not all(value_passes(rule, value, strictly) for value in values):
            return False
    return not rule_set["only"] or only(rule_set["rules"], arguments, [])


def refuse(text):
    raise ValueError(text)


def member(value, name):
    return next((one for key, one in reversed(value) if key == name), None) if isinstance(value, Pairs) else None


rule_sets = json.loads(sys.stdin.readline())
for line in sys.stdin:
    number, _, body = line.partition(" ")
    try:
        text = base64.b64decode(body).decode()
        message = json.loads(text, object_pairs_hook=Pairs, parse_int=Number, parse_float=Number, parse_constant=refuse)
        arguments = member(member(message, "params"), "arguments")
        rule_set = rule_sets[int(number)]
        read = {"plain": passes(rule_set, arguments, False), "all": passes(rule_set, arguments, True)}
    except (ValueError, RecursionError):
        read = None
    print(json.dumps(read), flush=False)
