internal import GatehouseCore
internal import GatehouseServer
internal import Glibc
internal import Synchronization
internal import Threads

/// Runs a program, passes signals on to it, and starts it again when its tokens change. The driver of ``Supervision``.
package final class Supervisor: Sendable {
    /// How long a program that is restarted has to end before it is killed.
    package static let grace: Duration = .seconds(10)

    private let program: ChildProgram
    private let environment: Mutex<ChildEnvironment>
    private let say: @Sendable (String) -> Void

    /// - Parameter say: words for the operator.
    package init(_ program: ChildProgram, _ environment: ChildEnvironment, say: @escaping @Sendable (String) -> Void) {
        self.program = program
        self.environment = Mutex(environment)
        self.say = say
    }

    /// The tokens have changed: the program is started again with this environment.
    package func restart(with new: ChildEnvironment) {
        environment.withLock { $0 = new }
        Notices.send(Notices.rotation)
    }

    /// Runs until the program ends by itself or by a signal.
    ///
    /// - Returns: its exit status, or 128 and the number of the signal that ended it.
    /// - Throws: ``GatehouseError`` when it cannot be started.
    package func run() async throws -> Int32 {
        // Waits for signals with a thread of its own: Swift's own threads must not be blocked.
        try await OwnedThread.run(named: "supervisor") { [self] in try supervise() }
    }

    private func supervise() throws -> Int32 {
        let notices = try Notices.listen(to: Self.passedOn + [SIGCHLD])
        var machine = Supervision(endings: [SIGTERM, SIGINT, SIGHUP, SIGQUIT])
        var child = try program.spawn(environment.withLock { $0 })
        var killAt: ContinuousClock.Instant?
        while true {
            let action: Supervision.Action
            switch Notices.next(notices, before: killAt) {
            case .timeout:
                killAt = nil
                action = machine.graceEnded()
            case .rotation: action = machine.rotated()
            case .signal(SIGCHLD, _):
                var status: Int32 = 0
                guard waitpid(child, &status, WNOHANG) == child else { continue }
                killAt = nil
                let signal = status & 0x7F
                action = machine.exited(signal == 0 ? status >> 8 & 0xFF : 128 + signal)
            case .signal(let number, let isShared): action = machine.signalled(number, isShared: isShared)
            }
            switch action {
            case .wait: continue
            case .spawn: child = try program.spawn(environment.withLock { $0 })
            case .send(let number): kill(child, number)
            case .stop:
                say("a token has changed: \(program.words[0]) is started again")
                kill(child, SIGTERM)
                killAt = .now + Self.grace
            case .kill:
                say("\(program.words[0]) does not end: killed")
                kill(child, SIGKILL)
            case .exit(let status): return status
            }
        }
    }

    /// Signals that are passed on.
    private static let passedOn = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH]
}

/// Signals and rotations as bytes in a pipe: a signal handler may do little else than write.
private enum Notices {
    static let rotation: UInt8 = 0
    /// A flag in the byte of a signal: the terminal sent it to the whole process group.
    private static let shared: UInt8 = 0x80

    enum Notice {
        case timeout
        case rotation
        case signal(Int32, isShared: Bool)
    }

    // Written once, before the handlers that read it are installed.
    private static let descriptor = Atomic<Int32>(-1)

    static func send(_ notice: UInt8) {
        var byte = notice
        _ = write(descriptor.load(ordering: .relaxed), &byte, 1)
    }

    /// - Returns: where notices are read.
    static func listen(to signals: [Int32]) throws -> Int32 {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw GatehouseError(.unusable, "no pipe is left") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        // A handler must never wait; what does not fit any more is a repetition.
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        descriptor.store(ends[1], ordering: .relaxed)
        for number in signals {
            var action = sigaction()
            action.__sigaction_handler.sa_sigaction = { number, information, _ in
                let saved = errno
                let isShared = information?.pointee.si_code == Notices.fromKernel && number != SIGCHLD
                Notices.send(UInt8(truncatingIfNeeded: number) | (isShared ? Notices.shared : 0))
                errno = saved
            }
            action.sa_flags = SA_SIGINFO | SA_RESTART
            sigaction(number, &action, nil)
        }
        return ends[0]
    }

    /// `SI_KERNEL` of `<asm-generic/siginfo.h>`: the terminal sends to everybody in its foreground, so the program has it already.
    private static let fromKernel: Int32 = 0x80

    static func next(_ descriptor: Int32, before deadline: ContinuousClock.Instant?) -> Notice {
        while true {
            var wait: Int32 = -1
            if let deadline {
                let left = deadline - .now
                if left <= .zero { return .timeout }
                wait = Int32(clamping: left.microseconds / 1000 + 1)
            }
            var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard Glibc.poll(&poll, 1, wait) > 0 else { continue }
            var byte: UInt8 = 0
            guard read(descriptor, &byte, 1) == 1 else { continue }
            return byte == rotation ? .rotation : .signal(Int32(byte & ~shared), isShared: byte & shared != 0)
        }
    }
}
