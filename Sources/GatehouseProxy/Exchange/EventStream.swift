internal import GatehouseMCP
internal import NIOCore
internal import SocketLoop

/// A response that is an event stream: where its events end, and the bytes of Gatehouse's own that wait for such an end.
struct EventStream {
    /// Nil for a stream that is compressed although the request asked for none: the ends of its events are not known here.
    var boundary: EventBoundary?
    /// The state of a possible byte order mark, when bytes of Gatehouse's own were sent before the upstream's first.
    var mark: LeadingMark?
    private var lastByte: MonotonicTime
    private var messages: [[UInt8]] = []
    private var endsBy: MonotonicTime?

    static let comment: StaticString = ":\n\n"
    /// Messages of Gatehouse's own that may wait; one more and the stream is ended, whose client takes nothing.
    static let maximumMessages = 256

    init(isReadable: Bool, at now: MonotonicTime) {
        boundary = isReadable ? EventBoundary() : nil
        lastByte = now
    }

    mutating func passed(at now: MonotonicTime) { lastByte = now }

    func isSilent(for span: TimeSpan, at now: MonotonicTime) -> Bool { now - lastByte >= span }

    // MARK: - Messages of Gatehouse's own

    var hasMessages: Bool { !messages.isEmpty }

    /// - Returns: false when no more may wait.
    mutating func queue(_ new: [[UInt8]]) -> Bool {
        guard messages.count + new.count <= Self.maximumMessages else { return false }
        messages += new
        return true
    }

    mutating func takeMessages(at now: MonotonicTime) -> [[UInt8]] {
        defer { messages = [] }
        lastByte = now
        return messages
    }

    // MARK: - End

    var isEnding: Bool { endsBy != nil }

    /// The stream ends where its event ends, and at this time at the latest.
    mutating func end(by time: MonotonicTime) { endsBy = time }

    /// - Parameter isAtBoundary: no event is under way.
    func isDue(at now: MonotonicTime, isAtBoundary: Bool) -> Bool { endsBy.map { isAtBoundary || now >= $0 } ?? false }
}
