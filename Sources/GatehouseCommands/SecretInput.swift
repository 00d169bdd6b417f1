internal import ArgumentParser
internal import GatehouseCore
internal import Glibc

/// The source of a token's value: standard input, a variable or a file. Never an argument, which `ps` would show.
struct SecretInput: ParsableArguments {
    @Option(
        name: .customLong("from-env"),
        help: ArgumentHelp("Read the value from this environment variable.", valueName: "variable")
    )
    var variable: String?
    @Option(
        name: .customLong("from-file"),
        help: ArgumentHelp("Read the value from this file.", valueName: "path"),
        completion: .file()
    )
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
