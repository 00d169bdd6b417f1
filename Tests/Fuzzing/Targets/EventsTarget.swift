import GatehouseMCP
import GatehouseTestSupport

/// Event streams, held against a reader that keeps all bytes: where an event ends, however the stream is cut, and that each id a client presents
/// has its tag, and the data of no event is touched.
enum EventsTarget {
    static func check(_ input: [UInt8]) throws(Finding) -> Bool {
        var random = SplitMix(of: input)
        var whole = EventBoundary()
        whole.advance(over: input.span)
        var parts = EventBoundary()
        for part in random.parts(of: input) { parts.advance(over: part.span) }
        try hold(whole.isAtBoundary == parts.isAtBoundary, "a boundary depends on the parts")
        try hold(
            whole.isAtBoundary == EventLinesOracle.isAtBoundary(input),
            "the boundary is another for a plain reader"
        )

        let stream = Array(":\n".utf8) + input
        let output = try PassedAnswer.read(stream, .events) { _, value in Array("<\(value.count)>".utf8) }
        let (sent, passed) = (SentEvent.all(in: stream), SentEvent.all(in: output))
        try hold(sent.count == passed.count, "there are other events: \(text(output).debugDescription)")
        for (sent, passed) in zip(sent, passed) {
            try hold(sent.data == passed.data, "an event's data is another: \(text(output).debugDescription)")
            // White space before a field's value is no part of what a client comes back with.
            let id = sent.id.drop { $0 == 0x20 || $0 == 0x09 }
            // One that is longer, or only white space, gets no tag.
            guard !id.isEmpty, sent.id.count <= AnswerReader.maximumEventID else { continue }
            try hold(
                passed.id == sent.id + Array("<\(id.count)>".utf8),
                "\(text(sent.id)) becomes \(text(passed.id)): \(text(output).debugDescription)"
            )
        }
        return !sent.isEmpty
    }
}
