import Foundation
import GatehouseCore
import GatehouseMCP
import GatehouseTestSupport

/// An answer as it comes out of the reader that edits it.
enum PassedAnswer {
    private static let globs = [Glob("get_*"), Glob("get:*")]
    private static let permits = Permits(
        Policy(grants: [
            Grant(users: [Glob("*")], serviceTokens: [], tools: globs, prompts: globs, resources: globs)
        ]),
        of: Principal(kind: .user, name: "ann@example.com")
    )

    /// An input that begins as a line of an event stream is one.
    static func isEventStream(_ input: [UInt8]) -> Bool {
        ["data", "event", "id", ":", "\n", "\r"].contains { input.starts(with: $0.utf8) }
    }

    static func read(
        _ parts: [[UInt8]],
        _ edits: AnswerReader.Edits,
        isEventStream: Bool,
        tag: (HandedOut, UnsafeRawBufferPointer) -> [UInt8]? = { _, _ in nil }
    ) -> [UInt8] {
        let reader = AnswerReader(isEventStream: isEventStream, edits: edits)
        var passed: [UInt8] = []
        for part in parts {
            part.withUnsafeBytes { part in
                reader.edit(part, permits: permits, tag: tag, address: { Array($0) }) { passed += $0 }
            }
        }
        return passed
    }

    /// The same for the whole answer, and for one in parts, which must not differ.
    static func read(
        _ input: [UInt8],
        _ edits: AnswerReader.Edits,
        tag: (HandedOut, UnsafeRawBufferPointer) -> [UInt8]? = { _, _ in nil }
    ) throws(Finding) -> [UInt8] {
        var random = SplitMix(of: input)
        let isEventStream = isEventStream(input)
        let whole = read([input], edits, isEventStream: isEventStream, tag: tag)
        let parts = read(random.parts(of: input), edits, isEventStream: isEventStream, tag: tag)
        try hold(whole == parts, "in parts \(text(parts).debugDescription), whole \(text(whole).debugDescription)")
        return whole
    }

    /// The documents in an answer as another reader finds them: the answer itself, or the data of its events.
    static func documents(_ answer: [UInt8], isEventStream: Bool) -> [Any] {
        let texts = isEventStream ? SentEvent.all(in: answer).map(\.data) : [answer]
        return texts.compactMap { try? JSONSerialization.jsonObject(with: Data($0), options: .fragmentsAllowed) }
    }
}

/// An event as a client reads it (WHATWG HTML section 9.2.6), by a reader that keeps all bytes.
struct SentEvent: Equatable {
    var data: [UInt8] = []
    /// The id that a client would present from then on.
    var id: [UInt8] = []

    static func all(in stream: [UInt8]) -> [SentEvent] {
        var events: [SentEvent] = []
        var event = SentEvent()
        var hasData = false
        for line in lines(stream) {
            if line.isEmpty {
                if hasData { events.append(event) }
                (event.data, hasData) = ([], false)
                continue
            }
            let name = line.prefix { $0 != 0x3A }
            var value = line.dropFirst(name.count + 1)
            if value.first == 0x20 { value = value.dropFirst() }
            switch text(name) {
            case "data":
                event.data += hasData ? [0x0A] + value : Array(value)
                hasData = true
            case "id" where !value.contains(0): event.id = Array(value)
            case _: break
            }
        }
        return events
    }

    /// The lines that have an end.
    static func lines(_ stream: [UInt8]) -> [ArraySlice<UInt8>] {
        var stream = stream[...]
        if stream.starts(with: [0xEF, 0xBB, 0xBF]) { stream = stream.dropFirst(3) }
        var lines: [ArraySlice<UInt8>] = []
        while let end = stream.firstIndex(where: { $0 == 0x0A || $0 == 0x0D }) {
            lines.append(stream[..<end])
            let isPair = stream[end] == 0x0D && end + 1 < stream.endIndex && stream[end + 1] == 0x0A
            stream = stream[(end + (isPair ? 2 : 1))...]
        }
        return lines
    }
}
