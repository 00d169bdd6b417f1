internal import GatehouseCore
internal import NIOCore
internal import SocketLoop

/// The body of the request under way: its framing, and the bytes that are held while the gate waits for the whole.
struct RequestBody {
    var relay = BodyRelay.none
    /// The payload of a chunked body, put together beside its chunks.
    private var chunked: GatheredBody?
    /// Received bytes that count as held by the loop.
    private(set) var held = 0
    /// The parts of a form that have passed, until the exchange ends: a secret may stand in them.
    private var form: [ByteBuffer] = []
    /// When the gate asked for the body.
    private var askedAt = MonotonicTime.now()

    var isComplete: Bool { relay.isComplete }
    /// Bytes of payload still to come, nil when only the body itself shows it.
    var remaining: Int? { relay.remaining }

    mutating func begin(_ framing: BodyFraming, trailers: @autoclosure () -> TrailerFilter) {
        relay = BodyRelay(framing, trailers: trailers(), malformed: .requestMalformed)
    }

    // MARK: - Forms

    mutating func passedForm(_ part: ByteBuffer) { form.append(part) }

    /// Zeroes what has passed of a form, wherever it was received.
    ///
    /// - Precondition: nobody sends it any more.
    mutating func zeroForm() {
        guard !form.isEmpty else { return }
        for part in form { part.zero() }
        form = []
    }

    // MARK: - Gathering

    /// The payload behind its head: its position there, or a copy without chunk framing where chunks lie between its parts.
    struct Whole {
        let place: Range<Int>
        let payload: ByteBuffer?
    }

    /// - Returns: nil while a part is missing.
    mutating func whole(in inbound: borrowing InboundBytes) -> Whole? {
        let head = inbound.head
        if case .length(let length) = head.framing {
            guard inbound.count - head.length >= length else { return nil }
            return Whole(place: head.length..<head.length + length, payload: nil)
        }
        if chunked == nil { chunked = GatheredBody(relay) }
        guard let chunked, chunked.isComplete else { return nil }
        return Whole(place: 0..<0, payload: chunked.payload)
    }

    mutating func gatheringBegan(at now: MonotonicTime) { askedAt = now }

    /// Looks at what has come of a chunked body.
    ///
    /// - Returns: why the body is refused, nil while it is well.
    mutating func gather(from inbound: borrowing InboundBytes, limit: Int) -> Reason? {
        chunked?.advance(over: inbound.bytes, headLength: inbound.head.length, limit: limit)
    }

    /// - Parameter count: bytes that are held now.
    /// - Returns: how many more than before.
    mutating func hold(_ count: Int) -> Int {
        defer { held = count }
        return count - held
    }

    /// Nothing is held any more.
    ///
    /// - Returns: how many bytes were.
    mutating func release() -> Int {
        defer { held = 0 }
        chunked = nil
        return held
    }

    /// When a gathered body is too late: it may stall for the body timeout, and dripping gives it no more time than its bytes are worth.
    func gatheringEnds(after stall: TimeSpan, at now: MonotonicTime) -> MonotonicTime {
        let earned = TimeSpan(nanoseconds: Int64(held) * 1_000_000_000 / Int64(ServerLimits.heldBodyRate))
        return min(now, askedAt + earned) + stall
    }
}
