internal import ArgumentParser
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer

/// `--admin`, on the commands that ask the instance which runs.
struct InstanceOption: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The instance's admin listener, as in 127.0.0.1:9090 or unix:/path (default: what its run file in the spool says).",
            valueName: "address"
        )
    )
    var admin: String?

    func call(_ file: ConfigurationOption) throws -> InstanceCall {
        let address = try admin.map { text throws(CommandFailure) in
            let bare = text.hasPrefix("http://") ? String(text.dropFirst(7).prefix { $0 != "/" }) : text
            do throws(InvalidValue) { return try Endpoint(parsing: bare) } catch {
                throw CommandFailure("--admin: \(error.message)", hint: error.suggestion, code: .usage)
            }
        }
        return try InstanceCall.found(at: address, configuration: file.path) { try file.load(needing: [.admin]).admin }
    }
}
