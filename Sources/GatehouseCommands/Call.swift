internal import ArgumentParser
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseOperations
internal import GatehouseServer

struct Call: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call",
        abstract: "Speak MCP to a route's upstream as Gatehouse would, and say what comes of it.",
        discussion: """
            Without Gatehouse in between: with the token that the route injects, from where this command runs. Lists the tools, or calls one. \
            With --public-url also the whole way that clients go, with the service token of $CF_ACCESS_CLIENT_ID and \
            $CF_ACCESS_CLIENT_SECRET: both halves with their times, and which one fails. Exits 1 when one does.
            """
    )

    @OptionGroup var file: ConfigurationOption
    @OptionGroup var form: FormOption
    @Argument(help: "The route, by name.", completion: Completions.routes)
    var route: String
    @Flag(name: .long, help: "Print the names of all tools.")
    var list = false
    @Option(name: .long, help: "A tool to call.")
    var tool: String?
    @Option(name: .long, help: ArgumentHelp("Its arguments, a JSON object.", valueName: "json"))
    var arguments = "{}"
    @Option(name: .long, help: ArgumentHelp("The address that clients use, to go the whole way too.", valueName: "url"))
    var publicURL: String?
    @Option(
        name: .long,
        help: "The path below the route at which MCP is spoken (default: as the route says, else /mcp)."
    )
    var path: String?
    @Option(
        name: .long,
        help: ArgumentHelp("The protocol version to speak (default: found out).", valueName: "version")
    )
    var `protocol`: String?
    @Option(name: .long, help: ArgumentHelp("How long to wait for each answer.", valueName: "seconds"))
    var timeout = 30

    func validate() throws {
        guard JSONValue(parsing: Array(arguments.utf8))?.isObject ?? false else {
            throw ValidationError("--arguments is a JSON object, as in '{\"query\": \"x\"}'")
        }
        guard path?.hasPrefix("/") ?? true else { throw ValidationError("--path starts with '/'") }
        guard (1...3600).contains(timeout) else { throw ValidationError("--timeout is from 1 to 3600 seconds") }
        // The service token's secret goes there.
        if let publicURL, (try? WebURL(trusted: publicURL)) == nil {
            throw ValidationError("--public-url starts with https://")
        }
    }

    func run() async throws {
        let configuration = try file.load(needing: [.store, .routes])
        let found = try configuration.route(named: route)
        var call = MCPCall(clientVersion: Version.text)
        call.timeout = .seconds(timeout)
        call.path = path
        call.version = `protocol`
        call.lists = list
        call.tool = tool.map { ($0, JSONValue(parsing: Array(arguments.utf8)) ?? .object([])) }
        var outcomes = [await call.behind(found, configuration)]
        if !form.json { show(outcomes[0]) }
        if let publicURL {
            guard let token = ServiceToken.ofEnvironment else {
                throw CommandFailure(
                    "--public-url needs a service token",
                    hint: "set \(ServiceToken.idVariable) and \(ServiceToken.secretVariable)"
                )
            }
            outcomes.append(await call.whole(publicURL, token))
            if !form.json { show(outcomes[1]) }
        }
        if form.json { Terminal.print(json(outcomes)) }
        try conclude(outcomes)
    }

    private func conclude(_ outcomes: [MCPCall.Outcome]) throws(CommandFailure) {
        if let failure = outcomes[0].failure {
            let half = outcomes.count > 1 ? "the half behind Gatehouse fails" : "the upstream of '\(route)' fails"
            throw CommandFailure("\(half): \(failure.message)", hint: failure.advice)
        }
        if let failure = outcomes.last?.failure {
            throw CommandFailure(
                "the half in front fails, from the client to Gatehouse: \(failure.message)",
                hint: failure.advice
            )
        }
        let failed = outcomes.contains { $0.result?["isError"] == .bool(true) }
        if failed { throw CommandFailure("the tool '\(tool ?? "")' says that it failed") }
    }

    private func show(_ outcome: MCPCall.Outcome) {
        Terminal.print("\(outcome.half == .behind ? "behind Gatehouse" : "the whole way"): \(outcome.url)".visible)
        let width = outcome.steps.map(\.name.count).max() ?? 0
        for step in outcome.steps {
            let gap = String(repeating: " ", count: width - step.name.count)
            let mark = step.failure == nil ? "ok  " : "FAIL"
            let words = step.failure?.message ?? step.detail
            Terminal.print("  \(mark)  \(step.name)\(gap)  \(Self.milliseconds(step.took)) ms  \(words)".visible)
        }
        if list { for tool in outcome.tools ?? [] { Terminal.print("  \(tool)".visible) } }
        for part in outcome.result?["content"]?.elements ?? [] {
            let words = part["text"]?.text ?? "(\(part["type"]?.text ?? "something") that is no text)"
            Terminal.print(words.visibleLines)
        }
        DataOutput.standard.flush()
    }

    /// Formats milliseconds, with one decimal below ten.
    private static func milliseconds(_ duration: Duration) -> String {
        let tenths = duration.microseconds / 100
        return tenths < 100 ? "\(tenths / 10).\(tenths % 10)" : "\(tenths / 10)"
    }

    private func json(_ outcomes: [MCPCall.Outcome]) -> JSONText {
        var json = JSONText()
        json.object { json in
            json.bool("works", outcomes.allSatisfy { $0.failure == nil })
            json.string("route", route)
            if let failing = outcomes.first(where: { $0.failure != nil }) {
                json.string("failing_half", failing.half == .behind ? "behind" : "in_front")
            }
            json.array("halves") { list in for outcome in outcomes { list.object { write(outcome, to: &$0) } } }
        }
        return json
    }

    private func write(_ outcome: MCPCall.Outcome, to json: inout JSONText) {
        json.string("half", outcome.half.rawValue)
        json.string("url", outcome.url)
        json.bool("works", outcome.failure == nil)
        if let failure = outcome.failure {
            json.string("failure", failure.message)
            if let advice = failure.advice { json.string("advice", advice) }
        }
        json.array("steps") { list in
            for step in outcome.steps {
                list.object { entry in
                    entry.string("step", step.name)
                    entry.bool("works", step.failure == nil)
                    entry.number("took_us", step.took.microseconds)
                    entry.string("detail", step.failure?.message ?? step.detail)
                }
            }
        }
        if let tools = outcome.tools { json.array("tools") { list in for tool in tools { list.string(nil, tool) } } }
        if let result = outcome.result { json.value("result", result) }
    }
}
