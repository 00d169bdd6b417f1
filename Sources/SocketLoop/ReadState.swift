/// How far the bytes of a socket's peer have been read. Edge-triggered: what the kernel has said once it does not say again.
struct ReadState {
    private enum Input {
        /// Everything that the kernel has reported is read.
        case drained
        case readable
        /// The kernel has reported that the peer sends no more: reading goes on to the end of the input.
        case ending
        /// The peer has ended its side, and gets what its handler still has for it.
        case halfClosed
    }

    private enum Attention {
        case events
        /// The handler could not use more.
        case held
        /// The loop goes on with the socket without an event.
        case scheduled
    }

    private var input = Input.drained
    private var attention = Attention.events

    // MARK: - Input

    var mayRead: Bool {
        switch input {
        case .readable, .ending: true
        case .drained, .halfClosed: false
        }
    }

    var isEnding: Bool { input == .ending }
    var isHalfClosed: Bool { input == .halfClosed }

    /// - Parameter ends: the peer says no more.
    mutating func becameReadable(ends: Bool) {
        if ends { input = .ending } else if input == .drained { input = .readable }
    }

    /// The kernel has no more, and will say so when it has. An end it has said already.
    mutating func emptied() { if input == .readable { input = .drained } }

    /// Reading found nothing, whatever the kernel has reported.
    mutating func blocked() { input = .drained }

    /// The peer has ended its side, and the connection goes on.
    mutating func ended() {
        input = .halfClosed
        if attention == .held { attention = .events }
    }

    // MARK: - Attention

    /// The handler can use nothing now.
    mutating func hold() { if attention == .events { attention = .held } }

    /// Whether reading waits for the handler.
    var isHeld: Bool { attention == .held }

    /// The socket goes on in this turn of the loop or the next.
    ///
    /// - Returns: whether the loop has to be asked for it.
    mutating func schedule() -> Bool {
        guard attention != .scheduled else { return false }
        attention = .scheduled
        return true
    }

    /// The loop goes on with the socket.
    mutating func wentOn() { attention = .events }
}
