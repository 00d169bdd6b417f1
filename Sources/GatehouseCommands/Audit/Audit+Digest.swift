internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer

extension Audit {
    struct Digest: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "digest",
            abstract: "Find calls that were made with these arguments.",
            discussion: """
                With `arguments: digest` the audit keeps a keyed digest of a call's arguments: it says nothing to who has no key, and to \
                you whether a call had the arguments that you name. White space between tokens does not matter, the order of members does.
                """
        )

        @OptionGroup var filter: Filter
        @OptionGroup var form: FormOption
        @Option(name: .long, help: ArgumentHelp("The arguments, an object of JSON.", valueName: "json"))
        var arguments: String
        @Option(name: .long, help: "Rows at most, the newest ones; 0 for all.")
        var limit = 100

        func validate() throws {
            guard limit >= 0 else { throw ValidationError("--limit is a number from 0 on") }
        }

        func run() async throws {
            let text = arguments.drop { $0.isWhitespace }
            guard text.first == "{", text.last(where: { !$0.isWhitespace }) == "}" else {
                throw CommandFailure(
                    "the arguments of a call are an object",
                    hint: #"--arguments '{"id":7}'"#,
                    code: .usage
                )
            }
            var (configuration, archive, query) = try filter.open(needing: [.store, .audit])
            let keys = AuditAssembly.keys(try await InstanceKeys(configuration))
            query.digests = ArgumentsDigest.candidates(for: arguments, keys: keys)
            let count = try Query.list(query, limit, archive, form)
            guard count > 0 else {
                throw CommandFailure(
                    "no call with these arguments is in the sink",
                    hint: "\(query.digests[0]) would be its arguments_digest"
                )
            }
        }
    }
}
