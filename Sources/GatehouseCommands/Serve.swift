internal import ArgumentParser
internal import GatehouseConfig
internal import GatehouseServer
internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run the proxy. SIGHUP reloads, SIGTERM drains.")

    @OptionGroup var file: ConfigurationOption

    @Option(
        name: .long,
        help: "The least severe log lines to write: trace, debug, info, notice, warning, error, critical."
    )
    var logLevel: String = "info"

    func run() async throws {
        guard let level = Logger.Level(rawValue: logLevel) else {
            throw CommandFailure(
                "'\(logLevel)' is not a log level",
                hint: "trace debug info notice warning error critical",
                code: .usage
            )
        }
        let configuration = try file.load()
        let logger = Logger(label: "gatehouse") {
            GatehouseLogHandler(label: $0, level: level, form: GatehouseLogHandler.formOfStandardError)
        }
        let gatehouse = try await Gatehouse(configuration, logger: logger)
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(
                        service: Reloading(gatehouse: gatehouse, path: file.path),
                        successTerminationBehavior: .ignore
                    ),
                    .init(service: gatehouse, successTerminationBehavior: .gracefullyShutdownGroup),
                ],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: Logger(label: "lifecycle", factory: { _ in SwiftLogNoOpLogHandler() })
            )
        )
        try await group.run()
    }
}

/// Reads the configuration again at each SIGHUP.
private struct Reloading: Service {
    let gatehouse: Gatehouse
    let path: String

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            await gatehouse.reload(path: path)
        }
    }
}
