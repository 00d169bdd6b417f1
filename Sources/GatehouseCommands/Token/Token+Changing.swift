internal import ArgumentParser
internal import GatehouseCore
internal import GatehouseTokens

extension Token {
    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set a token, new or not. The value is read from standard input, a variable or a file."
        )

        @OptionGroup var place: Place
        @OptionGroup var form: FormOption
        @OptionGroup var record: Record
        @Argument(help: "The token's name.")
        var name: String
        // Takes every further argument, so it stands last.
        @OptionGroup var input: SecretInput

        func run() async throws {
            let name = try Token.name(name)
            let store = try place.open()
            let change = try record.change()
            TokenTable.show([try await store.set(name, to: try input.read(what: "value"), change)], json: form.json)
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set a new version of a token; the one before is kept for rollback."
        )

        @OptionGroup var place: Place
        @OptionGroup var form: FormOption
        @OptionGroup var record: Record
        @Argument(help: "The token's name.")
        var name: String
        // Takes every further argument, so it stands last.
        @OptionGroup var input: SecretInput

        func run() async throws {
            let name = try Token.name(name)
            let store = try place.open()
            let change = try record.change()
            TokenTable.show(
                [try await store.rotate(name, to: try input.read(what: "new value"), change)],
                json: form.json
            )
        }
    }

    struct Rollback: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the version before current again. Going back twice goes back two."
        )

        @OptionGroup var place: Place
        @OptionGroup var form: FormOption
        @OptionGroup var record: Record
        @Argument(help: "The token's name.")
        var name: String

        func run() async throws {
            let name = try Token.name(name)
            TokenTable.show([try await place.open().rollback(name, try record.change())], json: form.json)
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Destroy every version of a token.")

        @OptionGroup var place: Place
        @OptionGroup var record: Record
        @Flag(name: .long, help: "Do not ask.")
        var yes = false
        @Argument(help: "The token's name.")
        var name: String

        func run() async throws {
            let name = try Token.name(name)
            let store = try place.open()
            if !yes {
                guard Terminal.isInteractive else {
                    throw CommandFailure("deleting a token is for good", hint: "add --yes to do it", code: .usage)
                }
                Terminal.ask("Destroy every version of '\(name)'? Type its name: ")
                guard readLine() == name.text else { throw CommandFailure("nothing was deleted") }
            }
            try await store.delete(name, try record.change())
        }
    }
}
