import Glibc
import Synchronization
import Testing
import Threads

struct OwnedThreadTests {
    /// The result that a thread hands over before it has ended.
    private func told<Value: Sendable>(by thread: String = "told", _ body: @escaping @Sendable () -> Value) throws
        -> Value?
    {
        let value = Told<Value>()
        try OwnedThread(named: thread) { value.is.withLock { $0 = body() } }.join()
        return value.is.withLock { $0 }
    }

    private final class Told<Value: Sendable>: Sendable {
        let `is` = Mutex<Value?>(nil)
    }

    @Test func `joining waits for the end`() throws {
        let turns = try told { (0..<100).reduce(0) { count, _ in count + (sched_yield() == 0 ? 1 : 0) } }
        #expect(turns == 100)
    }

    @Test func `a thread bears the first fifteen bytes of its name`() throws {
        let name = try told(by: "a-name-that-is-too-long") { () -> String in
            var bytes = [UInt8](repeating: 0, count: 64)
            let comm = open("/proc/thread-self/comm", O_RDONLY | O_CLOEXEC)
            let count = read(comm, &bytes, bytes.count)
            close(comm)
            return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        }
        #expect(name == "a-name-that-is-\n")
    }

    @Test func `signals are for others, faults for the thread that made them`() throws {
        let before = Self.blocked()
        let within = try #require(try told { Self.blocked() })
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGCHLD, SIGUSR1] { #expect(within.contains(signal)) }
        for fault in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT] { #expect(!within.contains(fault)) }
        #expect(Self.blocked() == before)
    }

    private static func blocked() -> Set<Int32> {
        var set = sigset_t()
        pthread_sigmask(SIG_BLOCK, nil, &set)
        return Set((1..<32).filter { sigismember(&set, $0) == 1 })
    }

    @Test func `nobody waits for a detached thread`() async throws {
        let told = try await withCheckedThrowingContinuation { continuation in
            do {
                try OwnedThread.detach(named: "detached", stackSize: 1 << 20) { continuation.resume(returning: true) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
        #expect(told)
    }

    @Test func `a stack that cannot be had is an error`() {
        #expect(throws: ThreadError.self) { try OwnedThread.detach(named: "large", stackSize: 1 << 50) {} }
    }
}
