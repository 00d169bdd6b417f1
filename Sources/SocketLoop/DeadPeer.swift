internal import Glibc

/// When the kernel gives up a TCP peer that answers nothing any more: its machine is gone, or a firewall drops what it says. Without these
/// options an idle connection to such a peer stands for hours, and one with data under way for a quarter of an hour (tcp(7),
/// `tcp_keepalive_time` and `tcp_retries2`).
package struct DeadPeer: Sendable {
    /// Time from the last sign of life to the end of the connection (TCP_USER_TIMEOUT). It also ends a connection whose peer takes nothing
    /// for as long, as other proxies do after the same time.
    package static let defaultTimeout: TimeSpan = .seconds(60)
    /// Silence before the kernel asks the peer whether it lives (TCP_KEEPIDLE).
    package static let defaultIdle: TimeSpan = .seconds(20)
    /// Time from one probe to the next (TCP_KEEPINTVL).
    package static let defaultInterval: TimeSpan = .seconds(10)

    package let timeout: TimeSpan
    package let idle: TimeSpan
    package let interval: TimeSpan

    package static let standard = DeadPeer()

    package init(
        timeout: TimeSpan = DeadPeer.defaultTimeout,
        idle: TimeSpan = DeadPeer.defaultIdle,
        interval: TimeSpan = DeadPeer.defaultInterval
    ) {
        self.timeout = timeout
        self.idle = idle
        self.interval = interval
    }

    /// Sets the options of a TCP socket. Those that a listener accepts inherit them, which saves the system calls for each. Best
    /// effort: without them a dead peer is only noticed later.
    func apply(to descriptor: CInt) {
        Self.set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
        Self.set(descriptor, CInt(IPPROTO_TCP), TCP_KEEPIDLE, Self.seconds(idle))
        Self.set(descriptor, CInt(IPPROTO_TCP), TCP_KEEPINTVL, Self.seconds(interval))
        // The kernel asks until the timeout is over; the count matters only where the timeout could not be set.
        Self.set(descriptor, CInt(IPPROTO_TCP), TCP_KEEPCNT, max(1, Self.seconds(timeout) / Self.seconds(interval)))
        Self.set(descriptor, CInt(IPPROTO_TCP), TCP_USER_TIMEOUT, CInt(clamping: timeout.nanoseconds / 1_000_000))
    }

    private static func seconds(_ span: TimeSpan) -> CInt { max(1, CInt(clamping: span.nanoseconds / 1_000_000_000)) }

    private static func set(_ descriptor: CInt, _ level: CInt, _ name: CInt, _ value: CInt) {
        var value = value
        setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<CInt>.size))
    }
}
