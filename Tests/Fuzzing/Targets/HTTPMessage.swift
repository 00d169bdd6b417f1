@testable import GatehouseProxy

/// One message as a parser read it.
struct HTTPMessage: CustomStringConvertible {
    enum State { case incomplete, complete, refused }

    var state = State.incomplete
    /// The end of a complete message, in bytes.
    var end: Int?
    var start = ""
    var fields: [String] = []
    var body: [UInt8] = []
    var isBeyondComparison = false

    var description: String { "\(state) at \(end ?? -1): \(start) \(fields) \(text(body))" }

    init() {}

    /// A request whose head was read here.
    init(_ head: RequestHead, _ raw: [UInt8]) {
        let method = text(raw[head.method])
        start = "\(method) \(text(raw[head.target])) \(head.version)"
        fields = head.fields.map { "\(text(raw[$0.name]))=\(text(raw[$0.value]))" }
        isBeyondComparison = !HTTPOracle.methods.contains(method) || (head.has(.upgrade) && head.framing != .none)
    }

    /// A response whose head was read here.
    init(_ head: ResponseHead, _ raw: [UInt8]) {
        start = "\(head.status) \(head.version)"
        fields = head.fields.map { "\(text(raw[$0.name]))=\(text(raw[$0.value]))" }
        isBeyondComparison = head.isInterim || head.isUpgrade
    }

    /// Takes in the body that was read behind a head of so many bytes.
    mutating func take(_ read: BodyReading, behind head: Int) {
        body = read.payload
        isBeyondComparison = isBeyondComparison || read.hasFramingInTrailers
        switch read.state {
        case .complete:
            state = .complete
            end = head + read.consumed
        case .refused: state = .refused
        case .incomplete, .trailers: state = .incomplete
        }
    }
}

/// A body as it is read part by part, the way a driver does.
struct BodyReading: Equatable {
    var state = BodyProgress.State.incomplete
    var payload: [UInt8] = []
    /// Bytes up to the end of the message.
    var consumed = 0
    /// The trailer section as it is forwarded, nil when the scanner itself came to the end.
    var trailers: [UInt8]?
    /// Whether a field of the trailer section would frame a message, had it come in the head.
    var hasFramingInTrailers = false

    /// - Parameter step: how many bytes come next.
    init(_ bytes: ArraySlice<UInt8>, _ framing: BodyFraming, _ filter: TrailerFilter, step: () -> Int) throws(Finding) {
        let bytes = Array(bytes)
        var scanner = BodyScanner(framing)
        if scanner.isComplete { state = .complete }
        while state == .incomplete, consumed < bytes.count {
            let slice = Array(bytes[consumed..<min(bytes.count, consumed + step())])
            var counted: [UInt8] = []
            let progress = scanner.scan(slice.span) { counted += slice[$0] }
            try hold(progress.payload == counted.count, "the payload's count is another than its bytes")
            payload += counted
            consumed += progress.consumed
            state = progress.state
            try hold(state != .incomplete || progress.consumed == slice.count, "a body waits and leaves bytes")
        }
        guard state == .trailers else { return }
        let start = consumed
        readTrailers(bytes, filter, step)
        hasFramingInTrailers = Self.frames(bytes[start..<consumed])
        try hold(!Self.frames((trailers ?? [])[...]), "trailers are passed on that frame a message")
    }

    private static func frames(_ lines: ArraySlice<UInt8>) -> Bool {
        text(lines).split(whereSeparator: \.isNewline).contains { line in
            ["content-length:", "transfer-encoding:"].contains { line.lowercased().hasPrefix($0) }
        }
    }

    private mutating func readTrailers(_ bytes: [UInt8], _ filter: TrailerFilter, _ step: () -> Int) {
        var filter = filter
        var end = consumed
        var kept: [UInt8] = []
        state = .incomplete
        while state == .incomplete, end < bytes.count {
            end = min(bytes.count, end + step())
            let slice = Array(bytes[consumed..<end])
            var progress = TrailerFilter.Progress()
            var output = [UInt8](repeating: 0, count: slice.count)
            output.withUnsafeMutableBytes { progress = filter.filter(slice.span, into: $0) }
            kept += output.prefix(progress.written)
            consumed += progress.consumed
            state = progress.state
        }
        trailers = kept
    }
}

extension [UInt8] {
    subscript(range: ByteRange) -> ArraySlice<UInt8> { self[range.lower..<range.upper] }
}
