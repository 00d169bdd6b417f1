import Foundation
import GatehouseCore
import GatehouseMCP
import GatehouseTestSupport
import Testing

/// Entries of lists of tools, bent at random: whatever has a definition has the one that another implementation of RFC 8785 finds, by another reader of
/// JSON.
///
/// GATEHOUSE_TEST_FUZZ_CASES says how many; more than a few tens of thousands are for a run of their own.
@Suite("The canonical form of tools, beside another implementation", .timeLimit(.minutes(120)))
struct CanonicalFuzzTests {
    private static let wanted = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_FUZZ_CASES"].flatMap { Int($0) }
    private static let cases = wanted ?? 8000
    private static let share = 20_000

    @Test(.needsTools) func `both find the same definition`() async throws {
        let environment = ["LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"]
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Readers/canonical.py").path
        var random = SplitMix(seed: 0x8785)
        var (agreed, refused, strict) = (0, 0, 0)
        var left = Self.cases
        while left > 0 {
            let entries = (0..<min(left, Self.share)).map { _ in BentEntry(&random) }
            left -= entries.count
            let reader = try ChildProcess(try Tools.python(.two), [script], environment: environment)
            let lines = try await reader.lines(
                answering: entries.map { "\(Data($0.bytes).base64EncodedString())\n" }.joined()
            )
            try #require(lines.count == entries.count)
            for (entry, line) in zip(entries, lines) {
                let read = try JSON(parsing: "[\(line)]").elements[0]
                let text = String(decoding: entry.bytes, as: UTF8.self)
                guard let found = entry.bytes.withUnsafeBytes({ ToolDefinition(entry: $0) }) else {
                    if read == .null { refused += 1 } else { strict += 1 }
                    #expect(entry.isBent || read == .null, "\(text)")
                    continue
                }
                agreed += 1
                let canonical = Data(found.canonical).base64EncodedString()
                #expect(read["canonical"] == .string(canonical), "\(text)")
                #expect(read["digest"] == .string(found.digest.description), "\(text)")
            }
        }
        // A test in which nothing is read, or everything, tells nothing.
        #expect(agreed > Self.cases / 4 && refused > Self.cases / 20, "\(agreed) \(refused) \(strict)")
        if Self.wanted != nil {
            print("\(Self.cases) entries: \(agreed) agreed, \(refused) refused by both, \(strict) here")
        }
    }
}

/// An entry of a list of tools that is nearly right.
private struct BentEntry {
    let bytes: [UInt8]
    let isBent: Bool

    private static let words = [
        "\"", "\\", "{", "}", "[", "]", ",", ":", "null", "true", " ", "\n", "é", "\u{0}", "\u{7f}", "\u{2028}", "😀",
        "\\u0000", "\\ud800", "\\udc00", "\\ud83d\\ude00", "\\u0064", "\\/", "\\b", "\\u001f", "_", "\u{200B}",
        "\u{FB33}",
        "\"name\":\"x\",", "\"Name\":\"x\",", "\"n\\u0061me\":\"x\",", "\"description\":\"x\",",
        "\"DESCRIPTION\":\"x\",",
        "\"title\":null,", "\"input_schema\":{},", "\"a\":1,", "\"_meta\":{\"a\":1,\"a\":2},", "1e400", "1e-400", "-0",
    ]

    init(_ random: inout SplitMix) {
        var text = Self.entry(&random)
        let bends = Int.random(in: 0...2, using: &random)
        var bytes = Array(text.utf8)
        for _ in 0..<bends {
            let place = Int.random(in: 0..<max(1, bytes.count), using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1:
                let word = Self.words.randomElement(using: &random)!
                let braces = bytes.indices.filter { bytes[$0] == 0x7B }
                let at = word.hasSuffix(",") ? (braces.randomElement(using: &random) ?? place - 1) + 1 : place
                bytes.insert(contentsOf: word.utf8, at: min(max(0, at), bytes.count))
            case 2: bytes.remove(at: place)
            case 3: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case _: bytes[place] ^= 0x20
            }
        }
        text = ""
        self.bytes = bytes
        isBent = bends > 0
    }

    private static func entry(_ random: inout SplitMix) -> String {
        var members = [
            "\(space(&random))\"name\"\(space(&random)):\"\(["get", "a.b", "caf\\u00e9", "x y"].randomElement(using: &random)!)\""
        ]
        for name in ["annotations", "description", "inputSchema", "outputSchema", "title", "icons"] {
            guard Bool.random(using: &random) else { continue }
            members.append("\"\(name)\":\(space(&random))\(value(&random, depth: 3))")
        }
        members.shuffle(using: &random)
        return "{\(members.joined(separator: ","))}"
    }

    private static func space(_ random: inout SplitMix) -> String {
        ["", "", "", " ", "\n\t", "\r\n"].randomElement(using: &random)!
    }

    private static func value(_ random: inout SplitMix, depth: Int) -> String {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 5), using: &random) {
        case 0: return ["null", "true", "false"].randomElement(using: &random)!
        case 1, 2: return number(&random)
        case 3, 4: return "\"\(string(&random))\""
        case 5:
            let count = Int.random(in: 0...3, using: &random)
            return "[\((0..<count).map { _ in value(&random, depth: depth - 1) }.joined(separator: ","))]"
        case _:
            var names = Set<String>()
            for _ in 0..<Int.random(in: 0...5, using: &random) { names.insert(string(&random)) }
            // Two names of one meaning would be refused, which is another case.
            let members = names.enumerated().map { index, name in
                "\"\(name)\(index)\"\(space(&random)):\(space(&random))\(value(&random, depth: depth - 1))"
            }
            return "{\(members.joined(separator: ","))}"
        }
    }

    private static func number(_ random: inout SplitMix) -> String {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return "\(Int.random(in: -1000...1000, using: &random))"
        case 1: return "\(Int64.random(in: .min ... .max, using: &random))"
        case 2:
            let value = Double(bitPattern: UInt64.random(in: .min ... .max, using: &random))
            return value.isFinite ? "\(value)" : "1.5E-7"
        case 3: return "\(Double.random(in: -1...1, using: &random))"
        case 4:
            return "\(Int.random(in: 1...9, using: &random)).\(Int.random(in: 0...99_999, using: &random))"
                + "\(["e", "E"].randomElement(using: &random)!)\(["", "+", "-"].randomElement(using: &random)!)"
                + "\(Int.random(in: 0...30, using: &random))"
        case _:
            return ["1e21", "1e20", "0.000001", "0.0000001", "9007199254740993", "-0.0", "100.00"].randomElement(
                using: &random
            )!
        }
    }

    private static func string(_ random: inout SplitMix) -> String {
        let parts = [
            "a", "B", "é", "€", "😀", "\u{FB33}", "\\n", "\\u0001", "\\u20ac", "\\ud83d\\ude00", "\\\"", "\\\\", "\\/",
            " ", "\u{7f}", "e\u{301}", "\u{E0041}",
        ]
        return (0..<Int.random(in: 0...4, using: &random)).map { _ in parts.randomElement(using: &random)! }.joined()
    }
}
