internal import GatehouseCore

/// Reads the trailer section of a chunked body (RFC 9112 section 7.1.2) and writes what of it may pass.
///
/// A trailer field that means something to the gateway is dropped, in either direction: framing, routing, credentials and sessions
/// belong in the head, where they were checked. So is what the route strips or injects.
package struct TrailerFilter: Sendable {
    package struct Progress: Equatable, Sendable {
        /// Bytes of the slice that were used up; the rest must be given again, with more behind it.
        package var consumed = 0
        /// Bytes written to the output.
        package var written = 0
        package var state = BodyProgress.State.incomplete
    }

    private let strips: StripSet
    private let limits: HeadLimits
    private let reason: Reason
    private var lines = HeadLines()
    private var count = 0
    private var total = 0

    /// The filter of a request's body.
    package init(_ rewrite: RequestRewrite) {
        strips = rewrite.strips
        limits = .request
        reason = .requestMalformed
    }

    /// The filter of a response's body.
    package static var response: TrailerFilter {
        TrailerFilter(strips: StripSet(), limits: .response, reason: .upstreamMalformed)
    }

    private init(strips: StripSet, limits: HeadLimits, reason: Reason) {
        self.strips = strips
        self.limits = limits
        self.reason = reason
    }

    /// Filters whole lines; one that is cut waits for its end. With the empty line, which is written too, the body is complete.
    ///
    /// - Parameter output: at least as many bytes as the slice has.
    package mutating func filter(_ bytes: Span<UInt8>, into output: UnsafeMutableRawBufferPointer) -> Progress {
        var progress = Progress()
        guard !bytes.isEmpty else { return progress }
        var writer = HeadWriter(output)
        loop: while true {
            let from = lines.start
            switch lines.next(bytes, limit: limits.maximumHeadBytes - total) {
            case .incomplete: break loop
            case .malformed:
                progress.state = .refused(reason)
                break loop
            case .tooLong:
                progress.state = .refused(reason == .requestMalformed ? .headersTooLarge : reason)
                break loop
            case .line(let start, let end):
                progress.consumed = lines.start
                if start == end {
                    writer.append("\r\n")
                    progress.state = .complete
                    break loop
                }
                count += 1
                guard count <= limits.maximumFields else {
                    progress.state = .refused(reason == .requestMalformed ? .headersTooLarge : reason)
                    break loop
                }
                guard let field = Field(bytes, start: start, end: end) else {
                    progress.state = .refused(reason)
                    break loop
                }
                if field.known == .other, !strips.contains(field.name, in: bytes) {
                    bytes.withUnsafeBytes { writer.append($0, from, end + 2) }
                }
            }
        }
        total += progress.consumed
        lines.rebase(progress.consumed)
        progress.written = writer.count
        return progress
    }
}
