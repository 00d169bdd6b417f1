import GatehouseCore
import Testing

@testable import GatehouseProxy

extension CodecFixture {
    struct Body: Equatable {
        var state = BodyProgress.State.incomplete
        var payload: [UInt8] = []
        /// Bytes up to the end of the message.
        var consumed = 0
        /// The trailer section as it is forwarded, nil when the scanner itself came to the end.
        var trailers: String?
    }

    /// Reads a body, `step` bytes at a time, the way a driver does.
    static func readBody(
        _ bytes: [UInt8],
        _ framing: BodyFraming,
        step: Int,
        trailers filter: TrailerFilter = TrailerFilter(rewrite())
    ) -> Body {
        var scanner = BodyScanner(framing)
        var body = Body()
        repeat {
            let end = min(bytes.count, body.consumed + step)
            let slice = Array(bytes[body.consumed..<end])
            var counted = 0
            let progress = scanner.scan(slice.span) { range in
                body.payload += slice[range]
                counted += range.count
            }
            #expect(progress.payload == counted)
            body.consumed += progress.consumed
            body.state = progress.state
            if progress.state == .incomplete { #expect(progress.consumed == slice.count) }
        } while body.state == .incomplete && body.consumed < bytes.count
        if body.state == .trailers { readTrailers(bytes, filter, step: step, &body) }
        return body
    }

    private static func readTrailers(_ bytes: [UInt8], _ filter: TrailerFilter, step: Int, _ body: inout Body) {
        var filter = filter
        var end = body.consumed
        var text = ""
        body.state = .incomplete
        while body.state == .incomplete, end < bytes.count {
            end = min(bytes.count, end + step)
            let slice = Array(bytes[body.consumed..<end])
            var progress = TrailerFilter.Progress()
            let kept = output(slice.count) { output in
                progress = filter.filter(slice.span, into: output)
                return progress.written
            }
            text += String(decoding: kept, as: UTF8.self)
            body.consumed += progress.consumed
            body.state = progress.state
        }
        body.trailers = text
    }
}
