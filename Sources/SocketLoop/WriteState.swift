/// Whether a socket takes bytes, and whether its handler has to be called when it has taken them.
struct WriteState {
    private enum Output {
        case open
        /// The kernel has taken all that it can.
        case blocked
        /// The peer takes nothing any more.
        case failed
    }

    private var output = Output.open
    /// More bytes are queued than the producer should go on adding to.
    private(set) var isAboveHighWater = false
    private var isAwaited = false

    var isBlocked: Bool { output == .blocked }
    var isFailed: Bool { output == .failed }

    /// The kernel has room again.
    ///
    /// - Returns: whether something waited for it.
    mutating func becameWritable() -> Bool {
        guard output == .blocked else { return false }
        output = .open
        return true
    }

    mutating func blocked() { output = .blocked }
    mutating func failed() { output = .failed }

    /// - Parameter count: bytes that wait now.
    mutating func queued(_ count: Int) { if count > StreamSocket.highWater { isAboveHighWater = true } }

    /// - Parameter count: bytes that still wait.
    /// - Returns: whether the other side is to go on.
    mutating func sent(leaving count: Int) -> Bool {
        guard isAboveHighWater, count < StreamSocket.lowWater else { return false }
        isAboveHighWater = false
        return true
    }

    /// The handler waits until all output has left.
    mutating func expect() { isAwaited = true }

    /// - Parameter count: bytes that still wait.
    /// - Returns: whether the waiting handler is to be called now, which is done once.
    mutating func isWritten(leaving count: Int) -> Bool {
        guard isAwaited, count == 0 else { return false }
        isAwaited = false
        return true
    }
}
