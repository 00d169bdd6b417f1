/// The life of a program that is restarted when its token is rotated, without processes and clocks.
struct Supervision: ~Copyable {
    private enum State {
        /// The program runs. To: restarting, ending, over.
        case running
        /// The program was asked to end, and is started again when it has. To: running, ending.
        case restarting
        /// The supervisor was asked to end, and has asked the program to. To: over.
        case ending
        case over
    }

    enum Action: Equatable {
        case wait
        case spawn
        case send(Int32)
        /// Send SIGTERM, and SIGKILL if the program is still there after the grace period.
        case stop
        case kill
        /// End with this status.
        case exit(Int32)
    }

    private var state = State.running
    /// Signals that ask a process to end.
    private let endings: Set<Int32>

    init(endings: Set<Int32>) { self.endings = endings }

    /// - Parameter status: in the form of a shell's `$?`.
    mutating func exited(_ status: Int32) -> Action {
        switch state {
        case .running, .ending:
            state = .over
            return .exit(status)
        case .restarting:
            state = .running
            return .spawn
        case .over: return .wait
        }
    }

    mutating func rotated() -> Action {
        switch state {
        case .running:
            state = .restarting
            return .stop
        // It will start with the newest.
        case .restarting: return .wait
        case .ending, .over: return .wait
        }
    }

    /// - Parameter isShared: the terminal has sent it to the program too.
    mutating func signalled(_ number: Int32, isShared: Bool) -> Action {
        switch state {
        case .running, .restarting, .ending:
            // A program may outlive such a signal on purpose, so it is not killed for it; but it is not started again either.
            if endings.contains(number), case .restarting = state { state = .ending }
            return isShared ? .wait : .send(number)
        case .over: return .wait
        }
    }

    mutating func graceEnded() -> Action {
        switch state {
        case .restarting, .ending: return .kill
        case .running, .over: return .wait
        }
    }
}
