internal import Glibc

/// How far the sink has taken the spool: everything before `position` is in it.
struct SpoolCursor: Hashable, Sendable {
    var position: SpoolPosition
    /// The newest event that the sink has. Kept so that neither a number nor the chain begins anew when segments are lost.
    var tip: ChainTip

    static let start = SpoolCursor(
        position: SpoolPosition(segment: 0, offset: 0),
        tip: ChainTip(sequence: 0, hash: [])
    )

    /// Always so long: it is written over itself, which needs no room on a disk that is full.
    static let length = 192

    /// `gatehouse-cursor 2 SEGMENT OFFSET NEXT-SEQUENCE HASH CRC`, with spaces up to the line's end.
    var text: String {
        let hash = tip.hash.isEmpty ? "-" : tip.hash.hexDigits
        let words = "gatehouse-cursor 2 \(position.segment) \(position.offset) \(tip.sequence + 1) \(hash)"
        let line = "\(words) \(Self.sum(words))"
        return line + String(repeating: " ", count: max(0, Self.length - 1 - line.utf8.count)) + "\n"
    }

    init(position: SpoolPosition, tip: ChainTip) {
        self.position = position
        self.tip = tip
    }

    /// Reads also what the release before the chain wrote: form 1, without hash and sum.
    init?(parsing text: String) {
        let words = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
        guard text.hasSuffix("\n"), words.count >= 5, words[0] == "gatehouse-cursor", let segment = Int(words[2]),
            let offset = Int(words[3]), let next = Int64(words[4]), segment >= 0, offset >= 0, next > 0
        else { return nil }
        var hash: [UInt8] = []
        switch (words[1], words.count) {
        case ("1", 5): break
        case ("2", 7):
            guard words[6] == Self.sum(words[..<6].joined(separator: " ")) else { return nil }
            if words[5] != "-" {
                guard let bytes = [UInt8](hexDigits: words[5]), bytes.count == Segment.hashLength else { return nil }
                hash = bytes
            }
        case _: return nil
        }
        let position = SpoolPosition(segment: segment, offset: offset)
        self.init(position: position, tip: ChainTip(sequence: next - 1, hash: hash))
    }

    private static func sum(_ words: String) -> String {
        String(Array(words.utf8).withUnsafeBytes { CRC32C.checksum($0) }, radix: 16)
    }
}

extension SpoolDirectory {
    /// The stored cursor; the start when there is none, or none that can be read: then the sink is offered what it has, and ignores it.
    func cursor() -> SpoolCursor { Self.cursor(in: path) }

    static func cursor(in path: String) -> SpoolCursor {
        do throws(AuditError) {
            let file = try Descriptor(opening: "\(path)/cursor", O_RDONLY)
            return SpoolCursor(parsing: String(decoding: try file.readAll(), as: UTF8.self)) ?? .start
        } catch {
            return .start
        }
    }

    func store(_ cursor: SpoolCursor) throws(AuditError) {
        try Descriptor(opening: file("cursor"), O_WRONLY | O_CREAT).write(Array(cursor.text.utf8), at: 0)
    }
}
