internal import ArgumentParser
internal import GatehouseConfig
internal import GatehouseOperations
internal import GatehouseServer
internal import UnixSignals

extension Token {
    struct Follow: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "follow",
            abstract: "Keep a file at what a token is, until it is stopped.",
            discussion: """
                For a program in a container that must not reach the store: this runs where the store is, `gatehouse run --env-from` reads the \
                file where the program is. Put the file on a tmpfs that only these two mount; see docs/STDIO_MCP.md. Mode 0400.
                """
        )

        @OptionGroup var place: Place
        @Argument(help: "The token's name.", completion: Completions.tokens)
        var name: String
        @Option(name: .long, help: ArgumentHelp("The file.", valueName: "path"), completion: .file())
        var out: String

        func run() async throws {
            let name = try Token.name(name)
            // Which values of the store are refresh tokens, and for no program, `tokens` says.
            let configuration = try place.load(whole: [.tokens])
            let store = try configuration.named(place.store).settings
            let follower = try TokenFollower(configuration, store: store, token: name, path: out)
            // The first process of a container is ended by no signal that it does not take.
            let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await follower.run { Terminal.say("gatehouse: \($0)") } }
                tasks.addTask { for await _ in signals { break } }
                try await tasks.next()
                tasks.cancelAll()
                // Cancelled, it ends with an error of no interest.
                while let result = await tasks.nextResult() { _ = result }
            }
        }
    }
}
