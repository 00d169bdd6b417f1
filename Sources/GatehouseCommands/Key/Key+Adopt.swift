internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens

extension Key {
    struct Adopt: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "adopt",
            abstract: "Have the key in the spool open what this installation made under it until now.",
            discussion: """
                For an installation that began with a store without master keys: its first audit was made under the file \
                `instance-key`. Beside master keys that file counts for nothing until somebody who has them says that it is genuine, \
                because whoever can write the spool can put one there. Its end is now: it opens nothing newer.
                """
        )

        @OptionGroup var file: ConfigurationOption
        @Argument(help: "The id of the key, as the installation's log or a backup says it.")
        var id: String?

        func run() async throws {
            let configuration = try file.load(needing: [.store, .audit])
            let id = try await InstanceKeys.adopt(self.id, configuration, at: SystemClock().now())
            Terminal.say("gatehouse: key \(id) opens what was made under it until now")
            var event = AuditChange(.keyAdopt, by: .operator(Token.Record.user))
            event.target = "\(id)"
            await Token.record(event, configuration)
        }
    }
}
