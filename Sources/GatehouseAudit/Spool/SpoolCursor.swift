/// How far the sink has taken the spool: everything before `position` is in it.
struct SpoolCursor: Hashable, Sendable {
    var position: SpoolPosition
    /// The sequence of the next event. Kept so that numbers are not given twice when segments are lost.
    var nextSequence: Int64

    static let start = SpoolCursor(position: SpoolPosition(segment: 0, offset: 0), nextSequence: 1)

    var text: String { "gatehouse-cursor 1 \(position.segment) \(position.offset) \(nextSequence)\n" }

    init(position: SpoolPosition, nextSequence: Int64) {
        self.position = position
        self.nextSequence = nextSequence
    }

    init?(parsing text: String) {
        let words = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
        guard text.hasSuffix("\n"), words.count == 5, words[0] == "gatehouse-cursor", words[1] == "1",
            let segment = Int(words[2]), let offset = Int(words[3]), let next = Int64(words[4]), segment >= 0,
            offset >= 0, next > 0
        else { return nil }
        self.init(position: SpoolPosition(segment: segment, offset: offset), nextSequence: next)
    }
}

extension SpoolDirectory {
    /// The stored cursor; the start when there is none, or none that can be read: then the sink is offered what it has, and ignores it.
    func cursor() -> SpoolCursor {
        do throws(AuditError) {
            let file = try Descriptor(opening: file("cursor"), 0)
            return SpoolCursor(parsing: String(decoding: try file.readAll(), as: UTF8.self)) ?? .start
        } catch {
            return .start
        }
    }

    func store(_ cursor: SpoolCursor) throws(AuditError) {
        try Self.replace(file("cursor"), with: cursor.text)
    }
}
