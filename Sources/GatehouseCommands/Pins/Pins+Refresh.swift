internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens

extension Pins {
    struct Refresh: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "refresh",
            abstract: "Ask the upstream of a route for its tools now, with the token that the route injects.",
            discussion:
                "As a running instance does by itself. On a route of `first_use` it approves tools that were never seen."
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption
        @Argument(help: "The route, by name.", completion: Completions.routes)
        var route: String

        func run() async throws {
            let configuration = try file.load(needing: [.store, .stores, .routes, .audit])
            let route = try Pins.route(route, configuration)
            let store = try Pins.store(configuration)
            guard let pinning = route.pin else { return }
            if let name = route.tokens.intersection(configuration.personalTokens.keys).min() {
                throw CommandFailure(
                    "the token '\(name)' is each person's own: there is none to ask with",
                    hint: "the lists that callers fetch count"
                )
            }
            let live = try StoreAssembly.store(configuration.store.settings, names: route.tokens)
            let tokens = try await RenewalAssembly.served(live, configuration).load().tokens
            let book = try await store.pins(of: route.name)?.book ?? PinBook()
            let pins = RoutePins(book, pinning.mode)
            let answer = await ToolInquiry.ask(route, among: pins, tokens: tokens, version: Version.text)
            let now = SystemClock().now()
            let (tools, isWhole) = (answer.tools, answer.failure == nil)
            let (changes, kept) = try await store.changePins(of: route.name, by: Token.Record.user) { book in
                book.saw(tools, isWhole: isWhole, pinning.mode, at: now)
            }
            for change in changes {
                guard let event = AuditChange(change, on: route.name) else { continue }
                await Token.record(event, configuration)
            }
            PinTable.show([(route, kept.book)], json: form.json)
            if answer.unreadable > 0 {
                Terminal.warning(
                    "\(answer.unreadable) tools are withheld: two readers could take them for different ones"
                )
            }
            if let failure = answer.failure {
                throw CommandFailure(
                    "the upstream of '\(route.name)' does not tell its tools: \(failure.message)",
                    hint: failure.advice
                )
            }
        }
    }

    struct Forget: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "forget",
            abstract: "Destroy all that is known of a route's tools, approvals included.",
            discussion: "Works also when it was changed outside Gatehouse and nothing of it is trusted any more."
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var author: Author
        @Flag(name: .long, help: "Do not ask.")
        var yes = false
        @Argument(help: "The route, by name.", completion: Completions.routes)
        var route: String

        func run() async throws {
            let configuration = try file.load(needing: [.stores, .routes, .audit])
            let route = try Pins.route(route, configuration)
            let (store, actor) = (try Pins.store(configuration), try author.actor())
            if !yes {
                try Terminal.confirm(
                    "forgetting approvals is for good",
                    "Destroy the approvals of '\(route.name)'? Type its name: ",
                    by: route.name.text,
                    orElse: "nothing was destroyed"
                )
            }
            guard try await store.forgetPins(of: route.name, by: actor) else {
                Terminal.say("gatehouse: nothing is known of the tools of '\(route.name)'")
                return
            }
            var event = AuditChange(.pinsForget, by: .operator(actor))
            event.route = route.name
            await Token.record(event, configuration)
            Terminal.say("gatehouse: forgot the tools of '\(route.name)'; what they are now waits, or is seen first")
        }
    }
}
