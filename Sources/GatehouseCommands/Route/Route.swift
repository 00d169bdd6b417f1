internal import ArgumentParser
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer

struct RouteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "route",
        abstract: "See, add and remove the routes of the configuration.",
        subcommands: [List.self, Show.self, Add.self, Remove.self]
    )

    /// A file that is mounted by itself and replaced outside stays the old one for the instance: it would never take what was written.
    static func tellUnseen(_ text: [UInt8], _ file: ConfigurationOption) async {
        guard let instance = try? InstanceCall.running(configuration: file.path), await instance.sees(text) == false
        else {
            return
        }
        Terminal.warning("the running instance does not see this file as it is now, and goes on with the old one")
        Terminal.hint("mount the folder that the file lies in, not the file; gatehouse status says which file it reads")
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "List the routes.")

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption

        func run() throws {
            let routes = try file.load(needing: [.routes]).routes.routes
            guard form.json else {
                let rows = [["NAME", "AT", "UPSTREAM", "TOKENS"]] + routes.map(Self.row)
                let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
                for row in rows {
                    let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
                    let line = cells.joined(separator: "  ")
                    Terminal.print(String(line.reversed().drop { $0 == " " }.reversed()).visible)
                }
                return
            }
            var json = JSONText()
            json.array { list in for route in routes { list.object { route.write(to: &$0) } } }
            Terminal.print(json)
        }

        private static func row(_ route: Route) -> [String] {
            let tokens = route.tokens.map(\.text).sorted().joined(separator: ", ")
            return [
                route.name.text, "\(route.host)\(route.path.text)", route.upstream.authority,
                tokens.isEmpty ? "-" : tokens,
            ]
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Print a route as the file writes it."
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption
        @Argument(help: "The route, by name.", completion: Completions.routes)
        var name: String

        func run() throws {
            let route = try file.load().route(named: name)
            let lines = try ConfigurationFile(path: file.path).text(of: route, file.path).lines
            guard form.json else { return lines.forEach { Terminal.print($0.visible) } }
            var json = JSONText()
            json.object { json in
                route.write(to: &json)
                json.string("text", lines.joined(separator: "\n"))
            }
            Terminal.print(json)
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove",
            abstract: "Take a route out of the file, with the comments in it and directly above it; others stay.",
            discussion: """
                Prints the lines that it takes out. The rest is checked first and put in place of the old file whole, or not at all. A \
                running instance takes it by itself. Its token stays in the store.
                """
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption
        @Argument(help: "The route, by name.", completion: Completions.routes)
        var name: String
        @Flag(name: .long, help: "Print the lines that would be taken out, and change nothing.")
        var dryRun = false

        func run() async throws {
            let route = try file.load().route(named: name)
            let place = try ConfigurationFile(path: file.path)
            let text = try place.text(of: route, file.path)
            do throws(ConfigurationError) {
                try text.check(without: route.name, from: place.bytes, file: file.path)
                if !dryRun { try place.put(text.rest, file.path) }
            } catch {
                throw CommandFailure(error)
            }
            if form.json {
                var json = JSONText()
                json.object { json in
                    json.bool("written", !dryRun)
                    json.string("removed", text.lines.joined(separator: "\n"))
                }
                Terminal.print(json)
            } else {
                for line in text.lines { Terminal.print(line.visible) }
            }
            guard !dryRun else { return }
            if !route.tokens.isEmpty { Terminal.hint("its token stays: gatehouse token delete \(name) takes it away") }
            await RouteCommand.tellUnseen(text.rest, file)
        }
    }
}

extension ConfigurationFile {
    fileprivate borrowing func text(of route: Route, _ path: String) throws(CommandFailure) -> RouteText {
        do throws(ConfigurationError) {
            guard let text = try RouteText(of: route.name, in: bytes, file: path) else {
                throw ConfigurationError(
                    .unreadable,
                    [Diagnostic(.error, file: path, message: "the file changed meanwhile")]
                )
            }
            return text
        } catch {
            throw CommandFailure(error)
        }
    }

    /// Does what ``replace(with:)`` does, with an error like those of the file's content.
    borrowing func put(_ text: [UInt8], _ path: String) throws(ConfigurationError) {
        do throws(CommandFailure) { try replace(with: text) } catch {
            let message = error.lines.joined(separator: " ")
            throw ConfigurationError(.unreadable, [Diagnostic(.error, file: path, message: message)])
        }
    }
}

extension Route {
    fileprivate func write(to json: inout JSONText) {
        json.string("name", name.text)
        json.string("host", "\(host)")
        json.string("path", path.text)
        json.string("upstream", upstream.authority)
        json.string("protocol", speech.rawValue)
        json.array("audience") { list in for tag in audiences.sorted() { list.string(nil, tag) } }
        json.array("tokens") { list in for token in tokens.map(\.text).sorted() { list.string(nil, token) } }
    }
}
