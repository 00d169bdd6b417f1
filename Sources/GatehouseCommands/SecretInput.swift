internal import ArgumentParser
internal import GatehouseCore
internal import Glibc

/// Where the value of a token comes from: standard input, a variable or a file. Never an argument, which `ps` would show.
struct SecretInput: ParsableArguments {
    @Option(
        name: .customLong("from-env"),
        help: ArgumentHelp("Read the value from this environment variable.", valueName: "variable")
    )
    var variable: String?
    @Option(name: .customLong("from-file"), help: ArgumentHelp("Read the value from this file.", valueName: "path"))
    var path: String?
    // Taken so that the parser does not repeat in an error what may be a secret.
    @Argument(help: .hidden)
    var surplus: [String] = []

    func validate() throws {
        guard variable == nil || path == nil else {
            throw ValidationError("--from-env and --from-file exclude each other")
        }
        guard surplus.isEmpty else {
            throw ValidationError(
                "a value is never an argument, which ps and the shell's history would show: "
                    + "pipe it in, or use --from-env or --from-file. What was typed here is known now: have it replaced"
            )
        }
    }

    func read(what: String) throws -> Secret {
        if let variable { return try SecretSource.environment(variable).read() }
        if let path { return try SecretSource.file(path).read() }
        return try Self.standardInput(what: what)
    }

    /// Reads standard input to its end, one trailing newline trimmed. On a terminal it asks, reads one line and shows nothing of it.
    static func standardInput(what: String) throws -> Secret {
        guard Terminal.isInteractive else { return try SecretSource.read(STDIN_FILENO, named: "standard input") }
        return try HiddenTyping.line(after: "\(what) (not shown): ")
    }
}

/// A line typed on a terminal that does not show it.
enum HiddenTyping {
    // Written before the handlers that read it are installed, and not while they are.
    private nonisolated(unsafe) static var shown = termios()

    /// - Throws: ``CommandFailure`` when nothing is typed.
    static func line(after question: String) throws(CommandFailure) -> Secret {
        tcgetattr(STDIN_FILENO, &shown)
        var hidden = shown
        hidden.c_lflag &= ~tcflag_t(ECHO)
        // A terminal that stays mute after ^C is a nuisance to whoever typed it.
        let ends = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]
        for number in ends {
            signal(number) { number in
                tcsetattr(STDIN_FILENO, TCSANOW, &HiddenTyping.shown)
                signal(number, SIG_DFL)
                raise(number)
            }
        }
        // Hidden before it is asked for: what is typed at once must not show either.
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden)
        Terminal.ask(question)
        defer {
            tcsetattr(STDIN_FILENO, TCSANOW, &shown)
            for number in ends { signal(number, SIG_DFL) }
            Terminal.say("")
        }
        return try line()
    }

    private static func line() throws(CommandFailure) -> Secret {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: SecretSource.maximumLength, alignment: 1)
        defer {
            if let base = buffer.baseAddress { explicit_bzero(base, buffer.count) }
            buffer.deallocate()
        }
        var count = 0
        while count < buffer.count, count == 0 || buffer[count - 1] != 0x0A {
            let got = read(STDIN_FILENO, buffer.baseAddress! + count, buffer.count - count)
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { break }
            count += got
        }
        if count > 0, buffer[count - 1] == 0x0A { count -= 1 }
        guard count > 0 else { throw CommandFailure("nothing was typed") }
        return Secret(buffer[..<count])
    }
}
