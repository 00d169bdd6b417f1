package import GatehouseCore

/// The result of a scan of one slice of a body.
package struct BodyProgress: Equatable, Sendable {
    package enum State: Equatable, Sendable {
        case incomplete
        /// The message ends with the bytes consumed; what follows belongs to the next.
        case complete
        /// Trailer fields follow: the scanner is done and a ``TrailerFilter`` goes on.
        case trailers
        case refused(Reason)
    }

    /// Bytes of the slice that belong to the body, framing included.
    package var consumed = 0
    /// Bytes among them that are payload, chunked coding taken off.
    package var payload = 0
    package var state = State.incomplete
}

/// Counts a body through, of a request or a response alike, and finds its end.
///
/// Chunked coding is read strictly (RFC 9112 section 7.1 without its leniencies): sizes are plain hexadecimal digits, every line ends
/// in CRLF, extensions are well-formed and short.
package struct BodyScanner: Sendable {
    /// Bytes of a chunk's extensions; beyond it the body is refused.
    package static let maximumExtension = 256
    /// Digits of a chunk's size, leading zeros included; beyond it the body is refused. Sixteen could overflow.
    package static let maximumSizeDigits = 15

    private enum Phase {
        case done
        case refused
        /// `left` bytes of payload remain.
        case length
        case untilClose
        /// Before the digits of a chunk's size, or within them.
        case size
        case chunkExtension
        /// The LF that ends a size line.
        case sizeLF
        case data
        case dataCR
        case dataLF
        /// After the size line of the last chunk.
        case trailers
        case finalLF
    }

    private var phase: Phase
    private var left: Int
    private var digits = 0
    private var extensions = ChunkExtensions()
    private let reason: Reason

    /// - Parameter malformed: why a body is refused whose chunked coding is not valid.
    package init(_ framing: BodyFraming, malformed reason: Reason = .requestMalformed) {
        self.reason = reason
        switch framing {
        case .none: (phase, left) = (.done, 0)
        case .length(let length): (phase, left) = (length > 0 ? .length : .done, length)
        case .chunked: (phase, left) = (.size, 0)
        case .untilClose: (phase, left) = (.untilClose, 0)
        }
    }

    /// Whether nothing of the body is to come.
    package var isComplete: Bool { phase == .done }

    /// Whether the connection's end is the body's end, and not a body cut short.
    package var endsWithConnection: Bool { phase == .untilClose || phase == .done }

    /// Whether bytes of ours could be put here without falling into a chunk: a chunk of a chunked body, or plain bytes in one that
    /// ends with the connection.
    package var isAtChunkBoundary: Bool { (phase == .size && digits == 0) || phase == .untilClose }

    package mutating func scan(_ bytes: Span<UInt8>) -> BodyProgress {
        scan(bytes) { _ in }
    }

    /// Scans a slice that follows what was consumed before.
    ///
    /// - Parameter payload: gets each range of the slice that is payload, in order; before a refusal too.
    @inline(__always)
    package mutating func scan(_ bytes: Span<UInt8>, payload: (Range<Int>) -> Void) -> BodyProgress {
        var progress = BodyProgress()
        let count = bytes.count
        var at = 0
        loop: while at < count {
            switch phase {
            case .done, .refused: break loop
            case .length, .data, .untilClose:
                let size = phase == .untilClose ? count &- at : min(left, count &- at)
                payload(at..<(at &+ size))
                progress.payload &+= size
                at &+= size
                take(size)
            case .trailers where bytes[at] != 0x0D:
                progress.consumed = at
                progress.state = .trailers
                return progress
            case .trailers, .size, .chunkExtension, .sizeLF, .dataCR, .dataLF, .finalLF:
                step(bytes[at])
                if phase != .refused { at &+= 1 }
            }
        }
        progress.consumed = at
        switch phase {
        case .done: progress.state = .complete
        case .refused: progress.state = .refused(reason)
        case .length, .untilClose, .size, .chunkExtension, .sizeLF, .data, .dataCR, .dataLF, .trailers, .finalLF: break
        }
        return progress
    }

    /// Counts payload.
    private mutating func take(_ size: Int) {
        guard phase != .untilClose else { return }
        left &-= size
        guard left == 0 else { return }
        phase = phase == .length ? .done : .dataCR
    }

    /// Takes one byte of chunked coding.
    private mutating func step(_ byte: UInt8) {
        switch phase {
        case .size: phase = size(byte)
        case .chunkExtension:
            phase = extensions.take(byte) ? .chunkExtension : byte == 0x0D && extensions.mayEnd ? .sizeLF : .refused
        case .sizeLF: phase = byte == 0x0A ? (left == 0 ? .trailers : .data) : .refused
        case .dataCR: phase = byte == 0x0D ? .dataLF : .refused
        case .dataLF:
            phase = byte == 0x0A ? .size : .refused
            digits = 0
        case .trailers: phase = byte == 0x0D ? .finalLF : .refused
        case .finalLF: phase = byte == 0x0A ? .done : .refused
        case .done, .refused, .length, .data, .untilClose:
            preconditionFailure("payload and what follows a body are never stepped through")
        }
    }

    private mutating func size(_ byte: UInt8) -> Phase {
        if let digit = byte.hexValue {
            guard digits < Self.maximumSizeDigits else { return .refused }
            left = (digits == 0 ? 0 : left) << 4 | Int(digit)
            digits &+= 1
            return .size
        }
        guard digits > 0 else { return .refused }
        if byte == 0x0D { return .sizeLF }
        guard byte == 0x3B else { return .refused }
        extensions = ChunkExtensions()
        return .chunkExtension
    }
}
