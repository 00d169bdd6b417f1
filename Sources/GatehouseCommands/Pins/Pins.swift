internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens

struct Pins: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pins",
        abstract: "Look at the tools that routes with a `pin` hold to what was approved, and approve them.",
        discussion:
            "Running instances see a change within a second or two. Run it with the master keys: what is approved is sealed.",
        subcommands: [List.self, Diff.self, Approve.self, Reject.self, Refresh.self, Forget.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List the tools of a route, and what became of each.",
            discussion: """
                `new` was never approved, `changed` is not what was approved of it any more; both wait and are withheld until \
                they are approved. `rejected` is withheld and waits for nothing.
                """
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption
        @Argument(help: "The route, by name; without it all that have a `pin`.", completion: Completions.routes)
        var route: String?

        func run() async throws {
            let configuration = try file.load(needing: [.stores, .routes])
            let routes = try route.map { [try Pins.route($0, configuration)] } ?? configuration.pinnedRoutes
            let store = try Pins.store(configuration)
            var books: [(Route, PinBook)] = []
            for route in routes { books.append((route, try await store.pins(of: route.name)?.book ?? PinBook())) }
            PinTable.show(books, json: form.json)
        }
    }

    struct Diff: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "diff",
            abstract: "Show how tools that wait differ from what was approved of them.",
            discussion: """
                Each value of a definition is a line under its path; `-` is what was approved and `+` what the upstream lists now. What \
                a person would not see is shown as escapes, and told in a line of its own. Exits 1 when something differs.
                """
        )

        @OptionGroup var file: ConfigurationOption
        @Argument(help: "The route, by name.", completion: Completions.routes)
        var route: String
        @Argument(help: "The tool; without it all that differ.")
        var tool: String?

        func run() async throws {
            let configuration = try file.load(needing: [.stores, .routes])
            let route = try Pins.route(route, configuration)
            let book = try await Pins.store(configuration).pins(of: route.name)?.book ?? PinBook()
            let names =
                try tool.map { [try Pins.tool($0, in: book)] }
                ?? book.pins.filter { $0.value.waiting != nil }.keys.sorted()
            var differs = false
            for name in names {
                guard let pin = book.pins[name] else { continue }
                if pin.waiting != nil { differs = true }
                PinTable.show(name, pin)
            }
            // The lines say what.
            if differs { throw CommandFailure(.failed, lines: []) }
        }
    }

    struct Approve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "approve",
            abstract: "Approve tools as the upstream lists them now.",
            discussion: """
                Look at `pins diff` before. With --digest the approval holds for the definition that you have seen alone: should the \
                upstream have changed it since, nothing is approved.
                """
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var author: Author
        @Argument(help: "The route, by name.", completion: Completions.routes)
        var route: String
        @Argument(help: "The tools; without any all that wait.")
        var tools: [String] = []
        @Option(name: .long, help: "The beginning of the definition's digest, as `pins diff` prints it; for one tool.")
        var digest: String?

        func validate() throws {
            guard digest == nil || tools.count == 1 else { throw ValidationError("--digest is of one tool: name it") }
            guard digest.map({ $0.count >= 8 }) ?? true else {
                throw ValidationError("--digest has 8 characters or more")
            }
        }

        func run() async throws {
            let digest = digest
            try await Pins.judge(file, route, tools, author, all: \.state.waits) { book, tool, actor, now in
                if let digest, book.pins[tool]?.waiting?.digest.description.hasPrefix(digest) != true { return nil }
                return book.approve(tool, by: actor, at: now)
            } refused: {
                "'\($0)' has nothing to approve\(digest == nil ? "" : " with this digest")"
            }
        }
    }

    struct Reject: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "reject",
            abstract: "Refuse tools as the upstream lists them now, or take their approval back.",
            discussion: "They are withheld, and wait for nothing until the upstream lists them in another way."
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var author: Author
        @Argument(help: "The route, by name.", completion: Completions.routes)
        var route: String
        @Argument(help: "The tools; without any all that wait.")
        var tools: [String] = []

        func run() async throws {
            try await Pins.judge(file, route, tools, author, all: \.state.waits) { book, tool, actor, now in
                book.reject(tool, by: actor, at: now)
            } refused: {
                "'\($0)' is rejected already"
            }
        }
    }

    struct Author: ParsableArguments {
        @Option(
            name: .long,
            help: ArgumentHelp(
                "Who does it, for the audit (default: the user, or the one who ran sudo).",
                valueName: "name"
            )
        )
        var by: String?

        func actor() throws -> String { try TokenChange(actor: by ?? Token.Record.user).actor }
    }
}

extension Pins {
    static func route(_ name: String, _ configuration: Configuration) throws(CommandFailure) -> Route {
        let route = try configuration.route(named: name)
        guard route.pin != nil else {
            throw CommandFailure(
                "the route '\(name)' has no pin",
                hint: "pin: { tools: approved } on the route"
            )
        }
        return route
    }

    /// - Parameter isUntouched: for who only looks.
    static func store(_ configuration: Configuration, isUntouched: Bool = false) throws -> SealedTokenStore {
        guard let store = try PinAssembly.store(configuration, isUntouched: isUntouched) else {
            throw CommandFailure("no route has a pin", hint: "pin: { tools: approved } on a route")
        }
        return store
    }

    static func tool(_ text: String, in book: PinBook) throws(CommandFailure) -> ToolName {
        if let name = ToolName(text), book.pins[name] != nil { return name }
        let known = book.pins.keys.sorted().map(\.description)
        throw CommandFailure(
            "no tool '\(text)' was seen on this route",
            hint: known.isEmpty
                ? "gatehouse pins refresh asks the upstream"
                : Spelling.nearest(text, in: known).map { "did you mean '\($0)'?" }
        )
    }

    /// Changes what is kept of tools, says what, and records each change.
    ///
    /// - Parameter all: which tools are meant where none is named.
    fileprivate static func judge(
        _ file: ConfigurationOption,
        _ routeName: String,
        _ tools: [String],
        _ author: Author,
        all: (PinBook.Pin) -> Bool,
        _ change: @escaping @Sendable (inout PinBook, ToolName, String, Timestamp) -> PinBook.Change?,
        refused: (ToolName) -> String
    ) async throws {
        let configuration = try file.load(needing: [.stores, .routes, .audit])
        let route = try Pins.route(routeName, configuration)
        let (store, actor) = (try store(configuration), try author.actor())
        let book = try await store.pins(of: route.name)?.book ?? PinBook()
        let names = try tools.map { try tool($0, in: book) }
        let meant = names.isEmpty ? book.pins.filter { all($0.value) }.keys.sorted() : names
        guard !meant.isEmpty else {
            Terminal.say("gatehouse: no tool of '\(route.name)' waits")
            return
        }
        // What was read is what is judged: a definition that came meanwhile waits.
        let seen = meant.map { ($0, book.pins[$0]?.seen) }
        let now = SystemClock().now()
        let (changes, _) = try await store.changePins(of: route.name, by: actor) { book in
            seen.compactMap { name, digest in book.pins[name]?.seen == digest ? change(&book, name, actor, now) : nil }
        }
        for change in changes {
            Terminal.say(
                "gatehouse: \(change.state.rawValue): \(HiddenText.shown(change.tool.description)) \(change.digest.short)"
            )
            await Token.record(AuditChange(change, on: route.name, by: .operator(actor)), configuration)
        }
        let left = Set(meant).subtracting(changes.map(\.tool)).sorted()
        guard left.isEmpty else {
            throw CommandFailure(
                left.map(refused).joined(separator: "; "),
                hint: "gatehouse pins diff \(route.name): the upstream may have changed them meanwhile"
            )
        }
    }
}
