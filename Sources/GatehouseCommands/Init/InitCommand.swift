internal import ArgumentParser
internal import GatehouseConfig
internal import GatehouseCore
internal import Glibc

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Write a first configuration with one route.",
        discussion: """
            Asks for what was not given, on a terminal. With --defaults nothing is asked: --team, --host and --audience are needed then. \
            A file that exists is never overwritten.
            """
    )

    @Option(name: .long, help: ArgumentHelp("Where the file is written.", valueName: "path"), completion: .file())
    var out = "gatehouse.yaml"
    @Flag(name: .long, help: "Ask nothing.")
    var defaults = false
    @Option(name: .long, help: "The Access team: the first label of TEAM.cloudflareaccess.com.")
    var team: String?
    @Option(name: .long, help: "The public host of the MCP server.")
    var host: String?
    @Option(name: .long, help: "The AUD tag of the Access application.")
    var audience: String?
    @Option(
        name: .long,
        help:
            "The MCP server: \(Catalog.entries.map(\.name).joined(separator: ", ")), or a name of your own with --upstream.",
        completion: .list(Catalog.entries.map(\.name))
    )
    var server: String?
    @Option(name: .long, help: "Where the MCP server listens, instead of the catalog's place.")
    var upstream: String?
    @Option(
        name: .long,
        help:
            "Where spool and audit lie (default: /var/lib/gatehouse where it can be written, else a folder beside the file).",
        completion: .directory
    )
    var data: String?

    func validate() throws {
        guard defaults else { return }
        for (name, value) in [("--team", team), ("--host", host), ("--audience", audience)] where value == nil {
            throw ValidationError("--defaults needs \(name)")
        }
    }

    func run() throws {
        guard defaults || Terminal.isInteractive else {
            throw CommandFailure(
                "there is nobody to ask: standard input is no terminal",
                hint: "--defaults --team TEAM --host HOST --audience AUD-TAG",
                code: .usage
            )
        }
        // Before anybody answers questions for nothing.
        guard access(out, F_OK) != 0 else { throw exists }
        let place = InitPlace(out: out, data: data)
        let answers = InitAnswers(asks: !defaults)
        let team = try answers.team(self.team)
        let host = try answers.host(self.host)
        let audience = try answers.audience(self.audience)
        let entry = try answers.server(server, upstream: upstream)
        var draft = ConfigurationDraft(
            team: team,
            host: host,
            audience: audience,
            entry: entry,
            listen: place.listen,
            data: place.data
        )
        draft.upstream = try answers.upstream(upstream, of: entry)
        do throws(ConfigurationError) {
            let (text, warnings) = try draft.text(file: out)
            try write(text)
            for warning in warnings { Terminal.say(warning.description) }
        } catch {
            throw CommandFailure(error)
        }
        try place.makeData()
        sayWhatFollows(draft, place)
    }

    private var exists: CommandFailure {
        CommandFailure("\(out) exists, and is left as it is", hint: "--out PATH writes another file")
    }

    private func write(_ text: String) throws(ConfigurationError) {
        // O_EXCL: a file that was made meanwhile is kept. It holds no secret.
        let descriptor = open(out, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        let number: Int32
        if descriptor < 0 {
            number = errno
        } else {
            defer { close(descriptor) }
            number = Array(text.utf8).withUnsafeBytes { DataOutput.write($0, to: descriptor) }
            if number != 0 { unlink(out) }
        }
        guard number == 0 else {
            let reason = number == EEXIST ? "it exists, and is left as it is" : String(cString: strerror(number))
            throw ConfigurationError(
                .unreadable,
                [Diagnostic(.error, file: out, message: "cannot be written: \(reason)")]
            )
        }
    }

    private func sayWhatFollows(_ draft: ConfigurationDraft, _ place: InitPlace) {
        Terminal.say("gatehouse: \(out) is written: route '\(draft.entry.name)' for \(draft.host)")
        if !place.isFound { Terminal.hint("the file is none that is looked for by itself: --config \(out) names it") }
        let tokens = Set(draft.entry.inject.flatMap { InitAnswers.tokens(in: $0.value, of: draft.entry.name) }).sorted()
        for name in tokens {
            guard let token = try? TokenName(parsing: name) else { continue }
            Terminal.hint(
                "$\(EnvironmentStoreSettings().variable(for: token)) is the token '\(name)': set it before gatehouse serve"
            )
        }
        Terminal.hint("gatehouse check, then gatehouse serve, then gatehouse call \(draft.entry.name) --list")
    }
}
