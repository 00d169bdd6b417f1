import GatehouseTestSupport
import Glibc
import Synchronization
import Threads

/// A process of a test: its output line by line, its end awaited, and killed with its group when the test is over,
/// cancelled or dead.
final class ChildProcess: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    enum Exit: Equatable {
        case code(Int32)
        case signal(Int32)
    }

    let name: String
    let pid: pid_t
    let output: ChildOutput
    let errors: ChildOutput
    private let input: Mutex<Int32?>
    private let ended = Signalled<Exit>()

    /// Starts a program with exactly this environment and a stdin that stays open as long as this object lives.
    init(_ executable: String, _ arguments: [String] = [], environment: [String: String] = [:]) throws {
        name = ([executable] + arguments.prefix(1)).map { $0.split(separator: "/").last.map(String.init) ?? $0 }
            .joined(separator: " ")
        let child = try Spawned(executable, arguments, environment: environment)
        let pid = child.pid
        self.pid = pid
        input = Mutex(child.input)
        output = ChildOutput(descriptor: child.output)
        errors = ChildOutput(descriptor: child.errors)
        Watchdog.shared?.started(pid)
        try! OwnedThread.detach(named: "child-end") { [ended] in
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            Watchdog.shared?.ended(pid)
            ended.signal(status & 0x7F == 0 ? .code(status >> 8 & 0xFF) : .signal(status & 0x7F))
        }
    }

    deinit {
        closeInput()
        kill()
        // Only when it is gone may its folder be deleted: else it could write into it once more.
        while !hasEnded { usleep(1000) }
    }

    /// Asks until the answer is yes: for what the process does in its own time and tells only when asked.
    ///
    /// - Throws: ``Failure`` with all it has said when it has ended, and as ``Polling/until(_:isolation:_:)``.
    func eventually(_ holds: () async throws -> Bool) async throws {
        try await Polling.until("the process") {
            if try await holds() { return true }
            guard !hasEnded else { throw Failure(description: "the process has ended: \(await errors.whole)") }
            return false
        }
    }

    func send(signal: Int32) { if ended.current == nil { Glibc.kill(pid, signal) } }

    /// Ends the process and everything it has started.
    func kill() { if ended.current == nil { Glibc.kill(-pid, SIGKILL) } }

    /// Writes to its stdin.
    func write(_ text: String) throws {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            // A signal may cut a long text short.
            let count = input.withLock { input in
                input.map { input in rest.withUnsafeBytes { Glibc.write(input, $0.baseAddress, $0.count) } } ?? -1
            }
            guard count > 0 || errno == EINTR else { throw Failure(description: "\(name) reads no more") }
            rest = rest.dropFirst(max(count, 0))
        }
    }

    /// Lets it read the end of its stdin.
    func closeInput() {
        input.withLock { input in
            if let descriptor = input { close(descriptor) }
            input = nil
        }
    }

    /// What it says to a text, line by line, once it has ended.
    ///
    /// - Throws: ``Failure`` with its errors when it does not end well, as one does that stops reading.
    func lines(answering text: String) async throws -> [Substring] {
        let written = Result { try write(text) }
        closeInput()
        let (exit, errors) = (await exit(), await errors.whole)
        guard exit == .code(0) else { throw Failure(description: "\(name) ended with \(exit): \(errors)") }
        try written.get()
        return await output.whole.split(separator: "\n")
    }

    var hasEnded: Bool { ended.current != nil }

    /// How it ends. Cancelling the waiting task, as a test's time limit does, kills it; so does a time in which every process has ended that is to.
    func exit() async -> Exit {
        let bound = Task {
            try await Task.sleep(for: .seconds(4 * RawSocket.patience))
            kill()
        }
        defer { bound.cancel() }
        return await withTaskCancellationHandler {
            await ended.value
        } onCancel: {
            kill()
        }
    }

    /// The first line of stdout that comes, now or later.
    func firstLine() async throws -> String {
        let line = await withTaskCancellationHandler {
            await output.firstLine
        } onCancel: {
            kill()
        }
        guard let line else { throw Failure(description: "\(name) ended without a line: \(errors.text)") }
        return line
    }
}

/// The output of a process so far, read as it comes so that the process never blocks on a full pipe.
final class ChildOutput: Sendable {
    private let bytes = Mutex<[UInt8]>([])
    private let first = Signalled<String?>()
    private let atEnd = Signalled<Void>()

    init(descriptor: Int32) {
        try! OwnedThread.detach(named: "child-output") { [self] in
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = read(descriptor, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                let line: String? = bytes.withLock { bytes in
                    bytes += buffer[..<count]
                    return bytes.firstIndex(of: 0x0A).map { String(decoding: bytes[..<$0], as: UTF8.self) }
                }
                if let line, first.current == nil { first.signal(line) }
            }
            close(descriptor)
            if first.current == nil { first.signal(nil) }
            atEnd.signal(())
        }
    }

    /// Everything so far.
    var text: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }

    /// Nil when it ends before a whole line.
    var firstLine: String? {
        get async { await first.value }
    }

    /// Everything, once the other side has closed it.
    var whole: String {
        get async {
            await atEnd.value
            return text
        }
    }
}

/// A value that comes once and may be awaited by many.
final class Signalled<Value: Sendable>: Sendable {
    private enum State {
        case waiting([CheckedContinuation<Value, Never>])
        case done(Value)
    }

    private let state = Mutex<State>(.waiting([]))

    var current: Value? {
        state.withLock { state in
            if case .done(let value) = state { value } else { nil }
        }
    }

    func signal(_ value: Value) {
        let waiters = state.withLock { state -> [CheckedContinuation<Value, Never>] in
            guard case .waiting(let waiters) = state else { return [] }
            state = .done(value)
            return waiters
        }
        for waiter in waiters { waiter.resume(returning: value) }
    }

    var value: Value {
        get async {
            await withCheckedContinuation { continuation in
                let value = state.withLock { state -> Value? in
                    switch state {
                    case .done(let value): return value
                    case .waiting(let waiters):
                        state = .waiting(waiters + [continuation])
                        return nil
                    }
                }
                if let value { continuation.resume(returning: value) }
            }
        }
    }
}
