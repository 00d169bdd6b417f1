internal import SocketLoop

extension ProxyLoop {
    /// The spending of this loop's callers, of rates that hold for the fleet, since the last call.
    package func takeSpending() -> [UInt: UInt64] {
        eventLoop.preconditionInLoop()
        return gate.spending.take()
    }
}
