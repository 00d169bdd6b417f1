internal import ArgumentParser
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseOperations
internal import GatehouseServer
internal import Glibc

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a program with tokens of the live store in its environment.",
        discussion: """
            For MCP servers that take their token from a variable and cannot stand behind the proxy alone; see docs/STDIO_MCP.md. No shell reads
            the command. The program gets its tokens, \(ChildEnvironment.kept.joined(separator: ", ")), every LC_* and what --keep-env names; \
            nothing else. Its exit status is ours.
            """
    )

    @OptionGroup var file: ConfigurationOption
    @Option(
        name: .long,
        help: ArgumentHelp("Put a token into a variable; may be repeated.", valueName: "variable=token")
    )
    var env: [String] = []
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Put the token that a file holds into a variable, without configuration or store; may be repeated.",
            valueName: "variable=path"
        )
    )
    var envFrom: [String] = []
    @Option(name: .long, help: ArgumentHelp("Pass a variable on; may be repeated.", valueName: "variable"))
    var keepEnv: [String] = []
    @Flag(name: .long, help: "Start the program again when a token changes: SIGTERM first, SIGKILL after 10 s.")
    var restartOnRotate = false
    @Argument(parsing: .postTerminator, help: "The program and its arguments, behind --.")
    var command: [String] = []

    func validate() throws {
        guard !command.isEmpty else { throw ValidationError("no command is given: gatehouse run --env … -- COMMAND") }
        guard env.isEmpty != envFrom.isEmpty else {
            throw ValidationError(
                env.isEmpty ? "no variable is given: --env or --env-from" : "--env and --env-from exclude each other"
            )
        }
        for name in keepEnv where !ChildEnvironment.isName(name) {
            throw ValidationError("--keep-env takes the name of a variable")
        }
    }

    func run() async throws {
        guard envFrom.isEmpty else { return try await runFromFiles() }
        let variables = try env.map { try Self.parsed($0, TokenVariable.init(parsing:)) }
        // A store that cannot be read may name a variable that --keep-env must not pass on.
        // Which values of the store are refresh tokens, and for no program, `tokens` says.
        let configuration = try file.load(needing: [.store], whole: keepEnv.isEmpty ? [.tokens] : [.tokens, .stores])
        let runner = try TokenRunner(configuration, variables: variables, keeping: keepEnv)
        let program = try program()
        guard restartOnRotate else { try await runner.exec(program) }
        if case .environment = configuration.store.settings {
            throw CommandFailure(
                "tokens in the environment never change while a process lives",
                hint: "leave out --restart-on-rotate, or take another store",
                code: .usage
            )
        }
        let status = try await runner.supervise(program) { Terminal.say("gatehouse: \($0)") }
        ProcessEnd.exit(status)
    }

    private func runFromFiles() async throws {
        let files = try envFrom.map { try Self.parsed($0, TokenFile.init(parsing:)) }
        let runner = try TokenFileRunner(files, keeping: keepEnv)
        let program = try program()
        guard restartOnRotate else { try runner.exec(program) }
        let status = try await runner.supervise(program) { Terminal.say("gatehouse: \($0)") }
        ProcessEnd.exit(status)
    }

    private func program() throws(GatehouseError) -> ChildProgram {
        let search = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
        return try ChildProgram(command, search: search)
    }

    private static func parsed<Value>(
        _ text: String,
        _ parse: (String) throws(InvalidValue) -> Value
    ) throws(CommandFailure) -> Value {
        do throws(InvalidValue) { return try parse(text) } catch {
            throw CommandFailure(error.message, hint: error.suggestion, code: .usage)
        }
    }
}
