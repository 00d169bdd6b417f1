import Foundation
import GatehouseTestSupport
import Testing

@testable import GatehouseCore

/// The scanner against Foundation's parser over a generated corpus.
///
/// Deliberate differences, and no others: Foundation takes a byte order mark and UTF-16 and UTF-32, members that stand
/// twice, and depths beyond 64; it refuses numbers that a double cannot hold, which the scanner keeps as written.
@Suite struct JSONOracleTests {
    @Test func `the scanner agrees with Foundation on generated and damaged text`() {
        var random = SplitMix(seed: 0x5EED_0001)
        var accepted = 0
        var refused = 0
        for _ in 0..<6000 {
            var bytes = Array(value(depth: 0, &random).utf8)
            for _ in 0..<Int.random(in: 0...3, using: &random) { damage(&bytes, &random) }
            let ours = outcome(bytes)
            let theirs = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
            if ours == nil { accepted += 1 } else { refused += 1 }
            if isDeliberate(ours, bytes) { continue }
            #expect(
                (ours == nil) == theirs,
                "\(ours.map(\.rawValue) ?? "accepted"): \(String(decoding: bytes, as: UTF8.self))"
            )
        }
        // The corpus must hold enough of both kinds to say anything.
        #expect(accepted > 1000)
        #expect(refused > 1000)
    }

    @Test func `the scanner reads the same strings and numbers as Foundation`() throws {
        var random = SplitMix(seed: 0x5EED_0002)
        for _ in 0..<1000 {
            let text = "[\(string(&random)),\(Int64.random(in: .min ... .max, using: &random))]"
            let theirs = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [Any])
            try Array(text.utf8).withUnsafeBytes { bytes in
                var scanner = try JSONScanner(bytes)
                try scanner.beginArray()
                _ = try scanner.nextElement()
                #expect(try scanner.string().text == theirs[0] as? String)
                _ = try scanner.nextElement()
                #expect(try scanner.number().integer == (theirs[1] as? NSNumber)?.int64Value)
            }
        }
    }

    private func outcome(_ bytes: [UInt8]) -> JSONFault.Code? {
        bytes.withUnsafeBytes { bytes in
            do throws(JSONFault) {
                var scanner = try JSONScanner(bytes)
                try scanner.skipUnique()
                try scanner.finish()
                return nil
            } catch {
                return error.code
            }
        }
    }

    private func isDeliberate(_ ours: JSONFault.Code?, _ bytes: [UInt8]) -> Bool {
        switch ours {
        case .byteOrderMark, .duplicateMember, .tooDeep, .tooManyMembers: true
        // Foundation guesses UTF-16 and UTF-32 from zero bytes and marks.
        case _?: bytes.prefix(4).contains { $0 == 0 || $0 >= 0xFE }
        case nil: String(decoding: bytes, as: UTF8.self).contains(/[eE]\+?0*[1-9][0-9]{2}/)
        }
    }

    private func value(depth: Int, _ random: inout SplitMix) -> String {
        let gap = ["", "", " ", "\n\t"].randomElement(using: &random)!
        switch Int.random(in: 0..<(depth < 4 ? 8 : 5), using: &random) {
        case 0: return gap + ["true", "false", "null"].randomElement(using: &random)! + gap
        case 1: return gap + ["0", "-1", "1.5", "2e7", "-0.1E-2", "123456789012"].randomElement(using: &random)!
        case 2...4: return gap + string(&random) + gap
        case 5:
            let items = (0..<Int.random(in: 0...3, using: &random)).map { _ in value(depth: depth + 1, &random) }
            return "[" + gap + items.joined(separator: ",") + "]"
        case _:
            let items = (0..<Int.random(in: 0...3, using: &random)).map { index in
                #""\#(index)"\#(gap):"# + value(depth: depth + 1, &random)
            }
            return "{" + items.joined(separator: ",") + gap + "}"
        }
    }

    private func string(_ random: inout SplitMix) -> String {
        let pieces = [
            "a", "plain text of some length", "é", "€", "😀", #"\n"#, #"\u0041"#, #"\ud83d\ude00"#, #"\""#, #"\\"#,
        ]
        return "\""
            + (0..<Int.random(in: 0...5, using: &random)).map { _ in pieces.randomElement(using: &random)! }.joined()
            + "\""
    }

    private func damage(_ bytes: inout [UInt8], _ random: inout SplitMix) {
        guard !bytes.isEmpty else { return }
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes.remove(at: place)
        case 1: bytes[place] = Array(#"{}[]",:\0123eE+-.u tfn"#.utf8).randomElement(using: &random)!
        case 2: bytes.insert(Array(#"{}[]",:\09"#.utf8).randomElement(using: &random)!, at: place)
        case _: bytes[place] = UInt8.random(in: 0x20...0xFD, using: &random)
        }
    }
}
