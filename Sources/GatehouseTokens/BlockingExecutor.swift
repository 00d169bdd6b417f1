internal import Dispatch

/// Runs an actor on a thread of its own queue: a database call may wait for a disk or a lock, a program for a server, and a thread of Swift's
/// cooperative pool must not.
final class BlockingExecutor: SerialExecutor {
    private let queue: DispatchQueue

    init(label: String) { queue = DispatchQueue(label: label) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }
}
