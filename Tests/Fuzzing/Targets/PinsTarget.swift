import Foundation
import GatehouseCore
import GatehouseMCP

/// Tools as lists define them, and the book of those that were approved: a canonical form is its own, another reader finds in it what it finds in the
/// entry, and a book that is read is written as it was.
enum PinsTarget {
    private static let members = ["annotations", "description", "inputSchema", "name", "outputSchema", "title"]

    static func check(_ input: [UInt8]) throws(Finding) -> Bool {
        guard input.first == UInt8(ascii: "{") else { return try book(input) }
        guard let tool = read(input) else { return false }
        let again = read(tool.canonical)
        try hold(again == tool, "a canonical form is not its own: \(text(tool.canonical))")
        guard let other = try? JSONSerialization.jsonObject(with: Data(input)) as? [String: Any],
            let canonical = try? JSONSerialization.jsonObject(with: Data(tool.canonical)) as? [String: Any]
        else { return true }
        try hold(other["name"] as? String == text(tool.name.bytes), "another name: \(text(input))")
        let defined = other.filter { members.contains($0.key) }
        try hold(
            isSame(defined, canonical),
            "another definition: \(text(input)) \(text(tool.canonical))"
        )
        // White space and what is no part of a definition change nothing; another description does.
        let spaced = [UInt8](" {".utf8) + Array(#""_meta" : 5 , "#.utf8) + input.dropFirst()
        if other["_meta"] == nil, other.count > 0 {
            try hold(read(spaced)?.digest == tool.digest, "a member that is not judged counts: \(text(spaced))")
        }
        try judge(tool)
        return true
    }

    /// Numbers are doubles in a canonical form (RFC 8785 section 3.2.2.3).
    private static func isSame(_ one: Any, _ other: Any) -> Bool {
        switch (one, other) {
        case (let one as [String: Any], let other as [String: Any]):
            one.count == other.count && one.allSatisfy { name, value in other[name].map { isSame(value, $0) } ?? false }
        case (let one as [Any], let other as [Any]):
            one.count == other.count && zip(one, other).allSatisfy { isSame($0, $1) }
        case (let one as String, let other as String): one == other
        case (let one as NSNumber, let other as NSNumber):
            // The last digit of a long number is rounded in Foundation's reader otherwise than in Python's, with which the product agrees.
            abs(one.doubleValue - other.doubleValue) <= abs(one.doubleValue) * 1e-14
        case _: one is NSNull && other is NSNull
        }
    }

    private static func read(_ entry: [UInt8]) -> ToolDefinition? {
        entry.withUnsafeBytes { ToolDefinition(entry: $0) }
    }

    /// A list shows what was approved and nothing else.
    private static func judge(_ tool: ToolDefinition) throws(Finding) {
        let now = Timestamp(seconds: 1_764_000_000)
        var book = PinBook()
        book.saw([tool], isWhole: true, .approved, at: now)
        try hold(!RoutePins(book, .approved).shows(tool), "a tool is shown that nobody approved")
        _ = book.approve(tool.name, by: "ops", at: now)
        let pins = RoutePins(book, .approved)
        let isAllowed = tool.name.bytes.withUnsafeBytes { pins.allows($0) }
        try hold(pins.shows(tool) && isAllowed, "an approved tool is withheld")
        guard let other = ToolDigest(tool.digest.bytes.reversed()) else { throw Finding("a digest is none") }
        let changed = ToolDefinition(name: tool.name, digest: other, canonical: tool.canonical)
        try hold(changed.digest == tool.digest || !pins.shows(changed), "a changed tool is shown")
        try keep(book)
        var seen = SeenTools()
        let list = Array(#"{"jsonrpc":"2.0","id":1,"result":{"tools":["#.utf8) + tool.canonical + Array("]}}".utf8)
        let unreadable = ToolList.read(list, into: &seen, among: pins)
        try hold(unreadable == 0 && seen.all == [tool], "a list defines another tool: \(text(list))")
    }

    private static func book(_ input: [UInt8]) throws(Finding) -> Bool {
        guard let book = input.withUnsafeBytes({ PinBook(decoding: $0) }) else { return false }
        try keep(book)
        return true
    }

    private static func keep(_ book: PinBook) throws(Finding) {
        let written = book.encoded
        let again = written.withUnsafeBytes { PinBook(decoding: $0) }
        try hold(again == book, "a book is kept as another")
        // However it is cut short, it is none, or another one.
        for count in stride(from: 0, to: written.count, by: 7) {
            let short = written[..<count].withUnsafeBytes { PinBook(decoding: $0) }
            try hold(short != book, "a book is the same without its end")
        }
    }
}
