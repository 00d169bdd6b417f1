public import ArgumentParser
internal import Glibc
internal import SQLiteClient

/// `gatehouse`: one subcommand for each verb.
public struct GatehouseCommand: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "gatehouse",
        abstract: "Authenticating reverse proxy between cloudflared and MCP servers.",
        discussion: """
            Standard output is data, standard error is words. Exit codes: 0 done, 1 failed, 64 usage, 78 bad configuration.
            """,
        version: Version.text,
        subcommands: [
            Serve.self,
            Reload.self,
            Status.self,
            Call.self,
            Check.self,
            InitCommand.self,
            Schema.self,
            Explain.self,
            RouteCommand.self,
            JWT.self,
            Token.self,
            PersonCommand.self,
            Store.self,
            Pins.self,
            Key.self,
            Deny.self,
            Bearer.self,
            Run.self,
            Audit.self,
            BackupCommand.self,
            RestoreCommand.self,
            DoctorCommand.self,
            Health.self,
            DemoCommand.self,
            Manual.self,
        ]
    )

    /// The file's option belongs to every command: it may stand before the verb.
    @OptionGroup var file: ConfigurationOption

    public init() {}

    /// Runs the command that the arguments name and ends the process: 0 done, 1 failed, 64 usage, 78 bad configuration.
    public static func start() async -> Never {
        CoreDumps.forbid()
        OwnEnvironment.move()
        // TLS libraries, libcurl among them, write the keys of their sessions to the file that this variable names: a user who sets it could read
        // every token.
        unsetenv("SSLKEYLOGFILE")
        SQLiteConnection.boundMemory()
        // A closed pipe is noticed where it is written to.
        signal(SIGPIPE, SIG_IGN)
        do {
            let arguments = Array(CommandLine.arguments.dropFirst())
            try CommandWords.check(arguments)
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            try DataOutput.standard.finish()
            ProcessEnd.exit(0)
        } catch {
            // Output that was printed before the failure is data all the same.
            DataOutput.standard.flush()
            end(error)
        }
    }

    private static func end(_ error: any Error) -> Never {
        // The parser's errors are of types that it does not show; only they have a code other than a plain failure.
        let parsed = exitCode(for: error)
        guard parsed == .success || parsed == .validationFailure else {
            let failure = CommandFailure(error)
            for line in failure.lines { Terminal.say(line) }
            ProcessEnd.exit(failure.code.rawValue)
        }
        let text = fullMessage(for: error)
        if parsed == .success {
            Terminal.print(text)
            do throws(CommandFailure) {
                try DataOutput.standard.finish()
            } catch {
                for line in error.lines { Terminal.say(line) }
                ProcessEnd.exit(error.code.rawValue)
            }
        } else {
            Terminal.say(text.hasPrefix("Error: ") ? "gatehouse: error: " + text.dropFirst(7) : text)
        }
        ProcessEnd.exit(parsed.rawValue)
    }
}
