internal import Glibc
internal import Synchronization

/// Lets one thread sleep until others have work for it. Ringing costs a system call only when the thread sleeps.
///
/// `@unchecked Sendable`: the state is atomic, and the pthread objects are made for being shared.
final class Doorbell: @unchecked Sendable {
    enum Wait: Int {
        case none = 0
        /// Sleeping through a tick: only the impatient ring.
        case napping = 1
        /// Waiting until another thread rings.
        case parked = 2
        /// Waiting out a failure: a ring does not end the wait.
        case resting = 3
    }

    private let state = Atomic<Int>(0)
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// The way in which the thread waits at this moment. A producer stores its work (sequentially consistent), then reads this; the waiting thread
    /// announces the wait, then looks for work: one of the two always sees the other.
    @inline(__always) var waiting: Wait { Wait(rawValue: state.load(ordering: .sequentiallyConsistent)) ?? .none }

    func ring() {
        pthread_mutex_lock(mutex)
        state.store(Wait.none.rawValue, ordering: .sequentiallyConsistent)
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Waits for a ring or for the end of the time; without a time, for a ring only. `hasWork` is called once the wait is announced, and true ends it
    /// at once.
    func wait(_ wait: Wait, atMost duration: Duration?, unless hasWork: () -> Bool) {
        state.store(wait.rawValue, ordering: .sequentiallyConsistent)
        defer { state.store(Wait.none.rawValue, ordering: .sequentiallyConsistent) }
        if hasWork() { return }
        var deadline = timespec()
        if let duration {
            clock_gettime(CLOCK_MONOTONIC, &deadline)
            let nanoseconds = Int(clamping: duration.components.attoseconds / 1_000_000_000) + deadline.tv_nsec
            deadline.tv_sec += Int(clamping: duration.components.seconds) + nanoseconds / 1_000_000_000
            deadline.tv_nsec = nanoseconds % 1_000_000_000
        }
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while state.load(ordering: .relaxed) != Wait.none.rawValue {
            if duration == nil {
                pthread_cond_wait(condition, mutex)
            } else if pthread_cond_timedwait(condition, mutex, &deadline) != 0 {
                return
            }
        }
    }
}
