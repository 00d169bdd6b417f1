internal import CLinux
internal import Glibc

/// epoll(7), and which ``Pollable`` each descriptor belongs to. Nothing else.
///
/// Descriptors are watched edge-triggered, for both directions from the start: a connection costs one `epoll_ctl`, and back-pressure none.
struct Selector: ~Copyable {
    enum Event {
        /// Another thread has written to the wake-up descriptor.
        case wakeUp
        case ready(Pollable, UInt32)
        /// The descriptor has been closed since.
        case stale
    }

    private let epoll: CInt
    private let events: UnsafeMutableRawBufferPointer
    /// Indexed by descriptor.
    private var registered: [Pollable?] = []
    private var generation: UInt32 = 0

    /// Events taken from the kernel at once.
    private static let eventBound = 256
    /// No descriptor is that large, and the generation of sockets starts at 1.
    private static let wakeUpKey = UInt64(UInt32.max)

    /// - Parameter wakeUp: an eventfd(2), which stays the caller's.
    init(wakeUp: CInt) throws(SocketError) {
        let descriptor = epoll_create1(CInt(EPOLL_CLOEXEC))
        guard descriptor >= 0 else { throw .system("epoll_create1") }
        guard gatehouse_epoll_control(descriptor, EPOLL_CTL_ADD, wakeUp, gatehouse_epoll_in, Self.wakeUpKey) == 0 else {
            let number = errno
            close(descriptor)
            throw .system("epoll_ctl", number)
        }
        epoll = descriptor
        events = .allocate(byteCount: Self.eventBound * Int(gatehouse_epoll_event_size()), alignment: 16)
    }

    deinit {
        events.deallocate()
        close(epoll)
    }

    // MARK: - Descriptors

    mutating func register(_ pollable: Pollable, _ interest: UInt32) throws(SocketError) {
        let descriptor = Int(pollable.descriptor)
        while registered.count <= descriptor { registered.append(nil) }
        generation &+= 1
        pollable.generation = generation
        guard gatehouse_epoll_control(epoll, EPOLL_CTL_ADD, pollable.descriptor, interest, pollable.key) == 0 else {
            throw .system("epoll_ctl")
        }
        registered[descriptor] = pollable
    }

    func modify(_ pollable: Pollable, _ interest: UInt32) {
        _ = gatehouse_epoll_control(epoll, EPOLL_CTL_MOD, pollable.descriptor, interest, pollable.key)
    }

    /// Sends the events of a descriptor to another pollable from now on.
    mutating func transfer(_ pollable: Pollable, to heir: Pollable) {
        heir.generation = pollable.generation
        registered[Int(pollable.descriptor)] = heir
    }

    /// To be called before the descriptor is closed, with which it leaves epoll by itself.
    mutating func deregister(_ pollable: Pollable) { registered[Int(pollable.descriptor)] = nil }

    /// Forgets all descriptors.
    ///
    /// - Returns: what was registered.
    mutating func deregisterAll() -> [Pollable] {
        defer { registered = [] }
        return registered.compactMap { $0 }
    }

    // MARK: - Events

    /// Waits for events.
    ///
    /// - Parameter timeout: milliseconds; negative for no limit.
    /// - Returns: how many there are; 0 when a signal or the time ended the wait.
    func wait(_ timeout: CInt) -> Int {
        max(0, Int(gatehouse_epoll_wait(epoll, events.baseAddress, CInt(Self.eventBound), timeout)))
    }

    /// The descriptor of an event may have been closed since it was taken, and be another's by now: then its generation is another, too.
    func event(_ index: Int) -> Event {
        let key = gatehouse_epoll_key(events.baseAddress, index)
        if key == Self.wakeUpKey { return .wakeUp }
        let descriptor = Int(UInt32(truncatingIfNeeded: key))
        guard descriptor < registered.count, let pollable = registered[descriptor], pollable.key == key else {
            return .stale
        }
        return .ready(pollable, gatehouse_epoll_events(events.baseAddress, index))
    }
}
