internal import ArgumentParser
internal import GatehouseConfig
internal import GatehouseCore

extension RouteCommand {
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add",
            abstract: "Write a new route into the file, keeping comments.",
            discussion: """
                The file with the route is checked first and put in place of the old one whole, or not at all. A running instance takes it by \
                itself. In a header's value, {token} is the token named like the route.
                """
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption
        @Argument(help: "The route's name, and its token's.")
        var name: String
        @Option(name: .long, help: "The host that clients ask for.")
        var host: String
        @Option(name: .long, help: "Where the MCP server listens: http://…, https://… or unix:/path.")
        var upstream: String
        @Option(name: .long, help: "The AUD tag of the Access application. May be repeated.")
        var audience: [String] = []
        @Option(
            name: .long,
            help: ArgumentHelp("A header to inject. May be repeated.", valueName: "name: value")
        )
        var header: [String] = []
        @Option(name: .long, help: "The prefix of the path.")
        var path: String?
        @Option(name: .long, help: "mcp or http.")
        var `protocol`: String?
        @Option(name: .long, help: "A header to strip, or a prefix that ends with *. May be repeated.")
        var stripHeader: [String] = []
        @Option(name: .long, help: "A query parameter to strip. May be repeated.")
        var stripQuery: [String] = []
        @Option(name: .long, help: "An address that may use the route; * for any run of characters. May be repeated.")
        var allowUser: [String] = []
        @Flag(name: .long, help: "Print the lines that would be added, and change nothing.")
        var dryRun = false

        func validate() throws {
            guard !audience.isEmpty else { throw ValidationError("a route needs at least one --audience") }
            guard header.allSatisfy({ $0.contains(":") }) else {
                throw ValidationError("--header is written as \"Name: value\"")
            }
        }

        func run() async throws {
            let place = try ConfigurationFile(path: file.path)
            let written: [UInt8]
            do throws(ConfigurationError) {
                let (text, lines, _) = try draft.added(to: place.bytes, file: file.path)
                if form.json {
                    var json = JSONText()
                    json.object { json in
                        json.bool("written", !dryRun)
                        json.string("added", lines.joined(separator: "\n"))
                    }
                    Terminal.print(json)
                } else if dryRun {
                    for line in lines { Terminal.print(line) }
                }
                guard !dryRun else { return }
                try place.put(text, file.path)
                written = text
            } catch {
                throw CommandFailure(error)
            }
            if header.contains(where: { $0.contains("{token}") }) {
                Terminal.hint("gatehouse token set \(name) puts its token into the store")
            }
            await RouteCommand.tellUnseen(written, file)
        }

        private var draft: RouteDraft {
            var draft = RouteDraft(name: name, host: host, audiences: audience, upstream: upstream)
            draft.path = path
            draft.speech = `protocol`
            draft.inject = header.map { header in
                let parts = header.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                return (Self.trimmed(parts[0]), Self.trimmed(parts[1]))
            }
            draft.stripHeaders = stripHeader
            draft.stripQuery = stripQuery
            draft.allowedUsers = allowUser
            return draft
        }

        private static func trimmed(_ text: Substring) -> String {
            var text = text.drop { $0 == " " }
            while text.last == " " { text.removeLast() }
            return String(text)
        }
    }
}
