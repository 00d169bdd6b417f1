internal import GatehouseCore
internal import Glibc
internal import Synchronization
internal import Threads

/// Log lines on their way to a descriptor, written by a thread of their own: a reader that stalls, as a container's log driver may, stops that thread
/// and nothing else. Logging never blocks its caller.
///
/// `@unchecked Sendable`: the state is behind a lock, and a semaphore is made for being shared.
package final class LogQueue: @unchecked Sendable {
    /// Lines that wait; beyond it a line is dropped and counted.
    package static let maximumLines = 4096
    /// Bytes of the lines that wait; beyond it a line is dropped and counted.
    package static let maximumBytes = 4 << 20

    private struct State {
        var lines: [[UInt8]] = []
        var bytes = 0
        /// Lines that the thread has taken and not written yet count as waiting.
        var taken = 0
        var lost = 0
        /// Lost lines that the log does not mention yet.
        var untold = 0
        var hasThread = false
    }

    private let descriptor: Int32
    private let state = Mutex(State())
    /// Posted for each line, and once the thread is to look.
    private let work: UnsafeMutablePointer<sem_t>
    /// Makes the log line about lost lines.
    private let notice: @Sendable (_ lost: Int) -> [UInt8]

    /// - Parameters:
    ///   - descriptor: stays the caller's.
    ///   - notice: makes the line about lost ones, with its end.
    package init(_ descriptor: Int32 = STDERR_FILENO, notice: @escaping @Sendable (_ lost: Int) -> [UInt8]) {
        self.descriptor = descriptor
        self.notice = notice
        work = .allocate(capacity: 1)
        sem_init(work, 0, 0)
    }

    deinit {
        sem_destroy(work)
        work.deallocate()
    }

    /// Lines that were dropped so far.
    package var lost: Int { state.withLock(\.lost) }

    /// Appends a line, with its end, to the queue. Never blocks.
    package func put(_ line: [UInt8]) {
        let (isTaken, needsThread) = state.withLock { state in
            guard state.lines.count + state.taken < Self.maximumLines, state.bytes + line.count <= Self.maximumBytes
            else {
                state.lost += 1
                state.untold += 1
                return (false, false)
            }
            state.lines.append(line)
            state.bytes += line.count
            defer { state.hasThread = true }
            return (true, !state.hasThread)
        }
        if needsThread { startThread() }
        if isTaken { sem_post(work) }
    }

    /// Waits until everything is written, and no longer than the bound, so that the last lines of a process that ends reach the log.
    ///
    /// - Returns: whether everything was written.
    @discardableResult
    package func flush(within bound: Duration) -> Bool {
        let deadline = ContinuousClock.now + bound
        while state.withLock({ !$0.lines.isEmpty || $0.taken > 0 }) {
            guard ContinuousClock.now < deadline else { return false }
            usleep(1000)
        }
        return true
    }

    // MARK: - The thread

    private func startThread() {
        do throws(ThreadError) {
            // It holds the queue for ever: the log of a process ends with the process.
            try OwnedThread.detach(named: "log") { self.run() }
        } catch {
            // Without a thread nothing is written; the next line tries again.
            state.withLock { $0.hasThread = false }
        }
    }

    private func run() -> Never {
        while true {
            while sem_wait(work) != 0 {}
            let (lines, untold) = state.withLock { state in
                let lines = state.lines
                state.lines = []
                state.taken = lines.count
                defer { if !lines.isEmpty { state.untold = 0 } }
                return (lines, lines.isEmpty ? 0 : state.untold)
            }
            for line in lines {
                let isWritten = write(line)
                state.withLock { state in
                    state.bytes -= line.count
                    state.taken -= 1
                    if !isWritten { state.lost += 1 }
                }
            }
            if untold > 0 { _ = write(notice(untold)) }
        }
    }

    /// One write for a line where it can be, so that lines of several processes do not mix.
    private func write(_ line: [UInt8]) -> Bool {
        var done = 0
        while done < line.count {
            let count = line.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done) }
            if count > 0 {
                done += count
            } else if errno == EAGAIN {
                // A pipe that somebody made non-blocking: wait for its reader.
                var readiness = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&readiness, 1, -1)
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }
}
