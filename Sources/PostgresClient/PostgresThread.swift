internal import CPostgres
internal import Glibc
internal import Synchronization
internal import Threads

/// A thread that runs one connection's work in order, so that waiting for the server blocks nothing else.
final class PostgresThread: SerialExecutor {
    /// Outlives the executor until its thread has ended.
    private final class Queue: Sendable {
        private struct State {
            // The executor is kept while its job waits and runs: the job may hold the last reference to it.
            var jobs: [(job: UnownedJob, executor: PostgresThread)] = []
            var isStopped = false
        }

        private let state = Mutex(State())
        // Written once in init, destroyed in deinit; a semaphore is made for many threads.
        private nonisolated(unsafe) let signal = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

        init() { sem_init(signal, 0, 0) }

        deinit {
            sem_destroy(signal)
            signal.deallocate()
        }

        func append(_ job: UnownedJob, for executor: PostgresThread) {
            state.withLock { $0.jobs.append((job, executor)) }
            sem_post(signal)
        }

        func stop() {
            state.withLock { $0.isStopped = true }
            sem_post(signal)
        }

        func run() {
            while true {
                while sem_wait(signal) != 0 {}
                let next = state.withLock { state in state.jobs.isEmpty ? nil : state.jobs.removeFirst() }
                if let next {
                    next.job.runSynchronously(on: next.executor.asUnownedSerialExecutor())
                } else if state.withLock(\.isStopped) {
                    return
                }
            }
        }
    }

    private let queue = Queue()

    init() throws(PostgresError) {
        do throws(ThreadError) { try OwnedThread.detach(named: "postgres") { [queue] in queue.run() } } catch {
            throw PostgresError(.failed, "no thread could be started for the connection")
        }
    }

    deinit { queue.stop() }

    func enqueue(_ job: consuming ExecutorJob) { queue.append(UnownedJob(job), for: self) }
}

/// Interrupts a wait on another thread.
final class PostgresWake: Sendable {
    let descriptor: Int32

    init() throws(PostgresError) {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard descriptor >= 0 else { throw PostgresError(.failed, "no descriptor is left for the connection") }
    }

    deinit { close(descriptor) }

    func signal() {
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }

    func clear() {
        var count: UInt64 = 0
        _ = read(descriptor, &count, 8)
    }
}
