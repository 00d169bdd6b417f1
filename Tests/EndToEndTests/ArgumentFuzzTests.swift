import Foundation
import GatehouseCore
import GatehouseMCP
import GatehouseTestSupport
import Testing

/// Calls bent at random, held against rules on their arguments by the gate and by other readers: none is let through in which a reader finds a
/// value that the rules deny.
///
/// GATEHOUSE_TEST_FUZZ_CASES says how many calls; more than a few tens of thousands are for a run of their own.
@Suite("What other readers make of arguments", .timeLimit(.minutes(120)))
struct ArgumentFuzzTests {
    private static let wanted = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_FUZZ_CASES"].flatMap { Int($0) }
    private static let cases = wanted ?? 8000
    private static let share = 20_000

    @Test(.needsTools) func `no reader finds a denied value in a call that is let through`() async throws {
        let sets = try RuleSet.all()
        let header = "[\(sets.map(\.json).joined(separator: ","))]\n"
        let environment = ["LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"]
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Readers/arguments.py").path
        var tally = Tally()
        for first in stride(from: 0, to: Self.cases, by: Self.share) {
            // A seed of its own, so that a share can be made again without those before it.
            var random = SplitMix(seed: 0xA26 &+ UInt64(first))
            let calls = (first..<min(first + Self.share, Self.cases)).map { _ in BentCall(sets, &random) }
            let reader = try ChildProcess(try Tools.python(.two), [script], environment: environment)
            let text = header + calls.map { "\($0.set) \(Data($0.body).base64EncodedString())\n" }.joined()
            let lines = try await reader.lines(answering: text)
            try #require(lines.count == calls.count, "the share from \(first) on")
            for (call, line) in zip(calls, lines) {
                compare(call, sets[call.set], try JSON(parsing: "[\(line)]").elements[0], &tally)
            }
        }
        // A test in which nothing passes, or everything, tells nothing.
        #expect(tally.allowed > Self.cases / 20 && tally.denied > Self.cases / 4, "\(tally)")
        #expect(tally.plainOnly > Self.cases / 100, "\(tally)")
        if Self.wanted != nil { print("\(Self.cases) calls: \(tally)") }
    }

    private struct Tally {
        var allowed = 0
        var denied = 0
        /// Denied, though json.loads finds nothing that the rules deny: another reader may.
        var plainOnly = 0
        /// Denied, though no reader here finds anything.
        var strict = 0
    }

    private func compare(_ call: BentCall, _ set: RuleSet, _ reader: JSON, _ tally: inout Tally) {
        let text = String(decoding: call.body, as: UTF8.self)
        guard set.allows(call.body) else {
            tally.denied += 1
            if reader["plain"] == .bool(true) { tally.plainOnly += 1 }
            if reader["all"] == .bool(true) {
                tally.strict += 1
                #expect(call.isBent, "denied, though it is written as anybody would: \(text)")
            }
            return
        }
        tally.allowed += 1
        // What a reader cannot read, a server does not act on.
        guard reader != .null else { return }
        #expect(reader["plain"] == .bool(true) && reader["all"] == .bool(true), "\(text)")
        // Foundation's reader is a second one. It takes the first or the last of two members, as it likes.
        if let read = try? JSON(parsing: text) {
            #expect(set.allows(read["params"]["arguments"]), "\(text)")
        }
    }
}

/// Rules, as the gate and as the other readers have them.
private struct RuleSet {
    let rules: ArgumentRules
    let seeds: [String]
    private let permits: Permits

    private init(_ rules: [(String, ArgumentCondition)], only: Bool = false, _ seeds: [String]) throws {
        self.rules = try ArgumentRules(rules.map { .init(try MemberPath(parsing: $0.0), $0.1) }, isClosed: only)
        self.seeds = seeds
        let grant = Grant(
            Grant.Callers(users: [Glob("*")]),
            tools: [Grant.Tool(Glob("t"), arguments: self.rules)]
        )
        permits = Permits(Policy(grants: [grant]), of: Principal(kind: .user, name: "ann@example.com"))
    }

    static func all() throws -> [RuleSet] {
        func texts(_ patterns: String...) -> ArgumentCondition {
            .oneOf(patterns.map { .text(ArgumentPattern(Glob($0))) })
        }
        func number(_ text: String) throws -> PlainNumber { try PlainNumber(parsing: text) }
        return [
            try RuleSet(
                [
                    ("docId", texts("AbC*", "exact")), ("options.dryRun", .oneOf([.boolean(true)])),
                    ("limit", .within(minimum: try number("1"), maximum: try number("100"))),
                ],
                [
                    #"{"docId":"AbC12","options":{"dryRun":true},"limit":50}"#,
                    #"{"limit":100,"x":{"docId":"evil"},"docId":["AbC1","exact"],"options":{"a":1,"dryRun":true}}"#,
                    #"{"docId":"\u0041bC\ud83d\ude00","limit":99.5,"options":{"dryRun":[true]},"y":[1e3,null]}"#,
                    #"{"docId":"AbD","options":{"dryRun":true},"limit":50}"#,
                    #"{"docId":"exact","options":{"dryRun":false},"limit":1}"#,
                ]
            ),
            try RuleSet(
                [
                    ("path", texts("/data/public/*")),
                    ("n", .oneOf([.number(try number("1")), .number(try number("-0.25"))])),
                ],
                only: true,
                [
                    #"{"path":"/data/public/a.md","n":1}"#, #"{"n":-0.25,"path":"/data/public/a/b%20c/d.md"}"#,
                    #"{"path":"/data/public/ü","n":[1,-0.25]}"#, #"{"path":"/data/private/a","n":1}"#,
                ]
            ),
            try RuleSet(
                [(#"a.b\.c"#, texts("x*")), ("url", texts("https://wiki.example.com/*"))],
                [
                    #"{"a":{"b.c":"xyz"},"url":"https://wiki.example.com/a/b?c=d"}"#,
                    #"{"url":"https://wiki.example.com/s%C3%BC%C3%9F","a":{"b":{"c":"no"},"b.c":["x","x"]}}"#,
                    #"{"a":{"b":{"c":"x"}},"url":"https://wiki.example.com/a"}"#,
                ]
            ),
        ]
    }

    func allows(_ body: [UInt8]) -> Bool {
        body.withUnsafeBytes { bytes in
            guard let read = try? RPCGate.scan(bytes, allowsBatch: false) else { return false }
            // As the gate does for a caller with limits.
            return !read.contains { $0.hasOtherMembers || $0.refusal(by: permits, in: bytes) != nil }
        }
    }

    /// What rules say of a document that was read: written anew, without a part of the gate's reader.
    func allows(_ arguments: JSON) -> Bool {
        rules.rules.allSatisfy { rule in
            let value = rule.path.names.reduce(arguments) { $0[$1] }
            let values = if case .array(let elements) = value { elements } else { [value] }
            return !values.isEmpty && values.allSatisfy { Self.admits(rule.condition, $0) }
        }
    }

    private static func admits(_ condition: ArgumentCondition, _ value: JSON) -> Bool {
        switch (condition, value) {
        case (.oneOf(let literals), _):
            literals.contains {
                switch ($0, value) {
                case (.text(let pattern), .string(let text)):
                    // Bytes: to a String, a combining mark behind the prefix makes another character of its end.
                    pattern.glob.pattern.hasSuffix("*")
                        ? text.utf8.starts(with: pattern.glob.pattern.utf8.dropLast())
                        : text.utf8.elementsEqual(pattern.glob.pattern.utf8)
                case (.number(let number), .number(let other)): Double(number.description) == other
                case (.boolean(let isTrue), .bool(let other)): isTrue == other
                case _: false
                }
            }
        case (.within(let minimum, let maximum), .number(let number)):
            minimum.map { Double($0.description)! <= number } ?? true
                && maximum.map { number <= Double($0.description)! } ?? true
        case (.within, _): false
        }
    }

    /// For the reader in Python.
    var json: String {
        var json = JSONText()
        json.object { set in
            set.bool("only", rules.isClosed)
            set.array("rules") { list in
                for rule in rules.rules { list.object { Self.write(rule, &$0) } }
            }
        }
        return json.text
    }

    private static func write(_ rule: ArgumentRules.Rule, _ json: inout JSONText) {
        var literals: [ArgumentCondition.Literal] = []
        var bounds: (PlainNumber?, PlainNumber?) = (nil, nil)
        switch rule.condition {
        case .oneOf(let some): literals = some
        case .within(let minimum, let maximum): bounds = (minimum, maximum)
        }
        json.array("path") { list in for name in rule.path.names { list.string(nil, name) } }
        json.array("texts") { list in
            for case .text(let pattern) in literals { list.string(nil, pattern.glob.pattern) }
        }
        json.array("numbers") { list in
            for case .number(let number) in literals { list.string(nil, number.description) }
        }
        json.array("truths") { list in for case .boolean(let isTrue) in literals { list.bool(nil, isTrue) } }
        for (name, bound) in [("min", bounds.0), ("max", bounds.1)] {
            if let bound { json.string(name, bound.description) } else { json.null(name) }
        }
    }
}

/// A call of the ruled tool that is nearly right.
private struct BentCall {
    let set: Int
    let body: [UInt8]
    let isBent: Bool

    private static let words = [
        "\"", "\\", "{", "}", "[", "]", ",", ":", "null", "true", "false", "0", "1", "-", "e", ".", " ", "\n", "é",
        "\u{0}",
        "\\u0000", "\\ud800", "\\udc00", "\\u0064", "\\u002e", "_", "\u{A0}", "\u{200B}", "ｄ", "ſ", "\u{212A}", "．",
        "／",
        "\"docId\":\"evil\",", "\"doc\\u0049d\":\"evil\",", "\"docid\":\"evil\",", "\"doc_id\":1,", "\"DOCID\":null,",
        "\"options\":{\"dryRun\":false},", "\"dryRun\":false,", "\"Options\":{},", "\"dry_run\":false,",
        "\"limit\":101,",
        "\"Limit\":1e9,", "\"path\":\"/etc\",", "\"PATH\":\"/etc\",", "\"n\":2,", "\"N\":2,", "\"url\":\"file:///x\",",
        "\"b.c\":\"no\",", "\"arguments\":{},", "\"x\":1,", "..", "/..", "/../", "%2e%2e/", "%2F..%2F", "\\\\..\\\\",
        "..;/",
        "1e400", "-0", "00", ".0", "e0", "E+2", "9007199254740993", "0000000000000001", "NaN", "Infinity", "/* */", "'",
        "@evil.example/", "?", "#", "//", "[1,", "]", "{\"a\":",
    ]

    init(_ sets: [RuleSet], _ random: inout SplitMix) {
        set = Int.random(in: 0..<sets.count, using: &random)
        var arguments = Array(sets[set].seeds.randomElement(using: &random)!.utf8)
        let bends = Int.random(in: 0...3, using: &random)
        for _ in 0..<bends { Self.bend(&arguments, &random) }
        isBent = bends > 0
        let head = #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":"#
        body = Array(head.utf8) + arguments + Array("}}".utf8)
    }

    private static func bend(_ text: inout [UInt8], _ random: inout SplitMix) {
        let place = Int.random(in: 0..<max(1, text.count), using: &random)
        switch Int.random(in: 0..<8, using: &random) {
        // Members where members are, so that more than a few of them are still JSON.
        case 0, 1, 2:
            let word = words.filter { $0.hasSuffix(",") && $0.hasPrefix("\"") }.randomElement(using: &random)!
            let braces = text.indices.filter { text[$0] == 0x7B && $0 + 1 < text.count && text[$0 + 1] == 0x22 }
            let at = braces.randomElement(using: &random).map { $0 + 1 } ?? min(place, text.count)
            text.insert(contentsOf: word.utf8, at: at)
        case 3, 4: text.insert(contentsOf: words.randomElement(using: &random)!.utf8, at: min(place, text.count))
        case 5 where !text.isEmpty: text.remove(at: place)
        case 6 where !text.isEmpty: text[place] = UInt8.random(in: 0...255, using: &random)
        case _ where !text.isEmpty: text[place] ^= 0x20
        case _: break
        }
    }
}
