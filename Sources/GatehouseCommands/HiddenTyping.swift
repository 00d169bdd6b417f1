internal import GatehouseCore
internal import Glibc

/// A line typed on a terminal that does not show it.
///
/// The terminal hands over each byte: its own editing of lines keeps the first 4,095 of a line and drops the rest without a word (termios(3),
/// canonical mode), and half a token is no token. So erasing is done here.
enum HiddenTyping {
    // Written before the handlers that read them are installed, and not while they are. Not variables: the compiler gives one of this type three bytes less
    // than the C library writes.
    private nonisolated(unsafe) static let shown = UnsafeMutablePointer<termios>.allocate(capacity: 1)
    private nonisolated(unsafe) static let hidden = UnsafeMutablePointer<termios>.allocate(capacity: 1)

    /// - Throws: ``CommandFailure`` when nothing is typed, or more than a secret may have.
    static func line(after question: String) throws(CommandFailure) -> Secret {
        tcgetattr(STDIN_FILENO, shown)
        hidden.update(from: shown, count: 1)
        hidden.pointee.c_lflag &= ~tcflag_t(ECHO | ICANON)
        withUnsafeMutableBytes(of: &hidden.pointee.c_cc) { keys in
            keys[Int(VMIN)] = 1
            keys[Int(VTIME)] = 0
        }
        handleSignals()
        // Hidden before it is asked for: what is typed at once must not show either.
        tcsetattr(STDIN_FILENO, TCSAFLUSH, hidden)
        Terminal.ask(question)
        defer {
            tcsetattr(STDIN_FILENO, TCSANOW, shown)
            for number in ends + [SIGTSTP, SIGCONT] { signal(number, SIG_DFL) }
            Terminal.say("")
        }
        return try line()
    }

    // MARK: -

    private static let ends = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]

    /// A terminal that stays mute after ^C or ^Z is a nuisance to its user, and one that is not mute after `fg` shows the secret.
    private static func handleSignals() {
        for number in ends {
            signal(number) { number in
                tcsetattr(STDIN_FILENO, TCSANOW, HiddenTyping.shown)
                signal(number, SIG_DFL)
                raise(number)
            }
        }
        signal(SIGTSTP) { _ in
            tcsetattr(STDIN_FILENO, TCSANOW, HiddenTyping.shown)
            // SIGSTOP cannot be handled: everything stops here until SIGCONT.
            raise(SIGSTOP)
        }
        signal(SIGCONT) { _ in tcsetattr(STDIN_FILENO, TCSANOW, HiddenTyping.hidden) }
    }

    private static func line() throws(CommandFailure) -> Secret {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: SecretSource.maximumLength, alignment: 1)
        defer {
            if let base = buffer.baseAddress { explicit_bzero(base, buffer.count) }
            buffer.deallocate()
        }
        let keys = withUnsafeBytes(of: shown.pointee.c_cc) { Array($0) }
        var count = 0
        var byte: UInt8 = 0
        while true {
            let got = read(STDIN_FILENO, &byte, 1)
            if got < 0, errno == EINTR { continue }
            guard got > 0, byte != 0x0A, byte != 0x0D, byte == 0 || byte != keys[Int(VEOF)] else { break }
            if byte != 0, byte == keys[Int(VERASE)] || byte == 0x08 || byte == 0x7F {
                count = max(0, count - 1)
            } else if byte != 0, byte == keys[Int(VKILL)] {
                count = 0
            } else {
                guard count < buffer.count else {
                    throw CommandFailure("more than \(SecretSource.maximumLength) bytes were typed: nothing is taken")
                }
                buffer[count] = byte
                count += 1
            }
        }
        guard count > 0 else { throw CommandFailure("nothing was typed") }
        return Secret(buffer[..<count])
    }
}
