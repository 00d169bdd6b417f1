internal import GatehouseCore
internal import NIOCore

/// One body on its way through: counted to its end, its trailers filtered, everything else passed as it came.
struct BodyRelay {
    enum Step {
        /// Bytes to pass on, framing included.
        case part(ByteBuffer)
        /// Trailer lines that pass, and the empty line behind the last of them.
        case trailers(ByteBuffer)
        /// Nothing more can be used before more comes.
        case more
        case refused(Reason)
    }

    /// Indirect: few bodies have trailers, and a filter is larger than all else here.
    private indirect enum Trailers {
        case none
        case filtered(TrailerFilter)
    }

    let framing: BodyFraming
    private var scanner: BodyScanner
    private var trailers: Trailers
    private var isInTrailers = false
    /// Bytes of payload so far, chunked coding taken off.
    private(set) var payloadBytes = 0
    private(set) var isComplete: Bool

    init(_ framing: BodyFraming, trailers: @autoclosure () -> TrailerFilter, malformed: Reason) {
        self.framing = framing
        self.trailers = framing == .chunked ? .filtered(trailers()) : .none
        scanner = BodyScanner(framing, malformed: malformed)
        isComplete = scanner.isComplete
    }

    static let none = BodyRelay(.none, trailers: .response, malformed: .requestMalformed)

    /// Bytes of payload still to come, nil when only the body itself shows it.
    var remaining: Int? {
        switch framing {
        case .none: 0
        case .length(let length): length - payloadBytes
        case .chunked, .untilClose: isComplete ? 0 : nil
        }
    }

    /// Whether bytes of ours could stand here.
    var isAtChunkBoundary: Bool { !isInTrailers && scanner.isAtChunkBoundary }

    /// Takes as much from the front of `bytes` as belongs to the body.
    ///
    /// - Parameter payload: gets each range that is payload, as offsets from the reader index before the call.
    mutating func take(from bytes: inout ByteBuffer, payload: (Range<Int>) -> Void = { _ in }) -> Step {
        guard !isComplete, bytes.readableBytes > 0 else { return .more }
        if isInTrailers { return takeTrailers(from: &bytes) }
        let progress = scanner.scan(bytes.readableBytesUInt8Span, payload: payload)
        switch progress.state {
        case .refused(let reason): return .refused(reason)
        case .complete: isComplete = true
        case .trailers: isInTrailers = true
        case .incomplete: break
        }
        payloadBytes += progress.payload
        guard let part = bytes.readSlice(length: progress.consumed), progress.consumed > 0 else {
            return isInTrailers ? takeTrailers(from: &bytes) : .more
        }
        return .part(part)
    }

    private mutating func takeTrailers(from bytes: inout ByteBuffer) -> Step {
        guard case .filtered(var filter) = trailers else { preconditionFailure("only a chunked body has trailers") }
        var kept = ByteBuffer()
        var progress = TrailerFilter.Progress()
        kept.writeWithUnsafeMutableBytes(minimumWritableBytes: bytes.readableBytes) { output in
            progress = filter.filter(bytes.readableBytesUInt8Span, into: output)
            return progress.written
        }
        trailers = .filtered(filter)
        bytes.moveReaderIndex(forwardBy: progress.consumed)
        switch progress.state {
        case .refused(let reason): return .refused(reason)
        case .complete: isComplete = true
        case .incomplete, .trailers: break
        }
        return progress.written > 0 || isComplete ? .trailers(kept) : .more
    }
}
