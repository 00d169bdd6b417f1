internal import ArgumentParser
internal import GatehouseConfig
internal import GatehouseServer
internal import Logging
internal import UnixSignals

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the proxy. SIGHUP or a changed file reloads, SIGTERM drains."
    )

    @OptionGroup var file: ConfigurationOption

    @Option(
        name: .long,
        help:
            "The least severe log lines to write: trace, debug, info, notice, warning, error, critical. Before `log.level`."
    )
    var logLevel: String?

    /// How long the end waits for the last lines of the log to be read.
    private static let logFlush: Duration = .milliseconds(500)

    private static func level(_ name: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: name) else {
            throw CommandFailure(
                "'\(name)' is not a log level",
                hint: "trace debug info notice warning error critical",
                code: .usage
            )
        }
        return level
    }

    func run() async throws {
        let fixed = try logLevel.map(Self.level)
        let path = file.path
        let watch = FileWatch(read: FileWatch.Stamp(of: path))
        let form = GatehouseLogHandler.formOfStandardError
        let log = GatehouseLogHandler.queue(form)
        defer { log.flush(within: Self.logFlush) }
        // Warnings go through the queue: a stalled reader of the log must not hold up the start.
        let configuration = try file.load { log.put(Array("\($0)\n".utf8)) }
        let level = LogLevel(fixed ?? configuration.log.level.ofLogger, isFixed: fixed != nil)
        let logger = Logger(label: "gatehouse") { _ in
            GatehouseLogHandler(level: level, form: form, queue: log)
        }
        OpenFiles.raiseLimit()
        let gatehouse = try await Gatehouse(
            configuration,
            logger: logger,
            path: file.absolutePath,
            logQueue: log,
            logLevel: level,
            version: Version.text
        )
        let reloading = Task { await Reloading(gatehouse: gatehouse, path: path, watch: watch).run() }
        let signals = Task {
            for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
                reloading.cancel()
                gatehouse.stop()
            }
        }
        defer {
            reloading.cancel()
            signals.cancel()
        }
        try await gatehouse.run()
    }
}

/// Reads the configuration again at each SIGHUP and when the file has changed, one reading at a time.
private struct Reloading {
    let gatehouse: Gatehouse
    let path: String
    let watch: FileWatch

    func run() async {
        // Whatever asks while a reading is under way is answered by one more.
        let (asked, ask) = AsyncStream<ReloadCause>.makeStream(bufferingPolicy: .bufferingNewest(1))
        await withTaskGroup { group in
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sighup) { ask.yield(.signal) }
            }
            group.addTask { [path] in
                var watch = watch
                while (try? await Task.sleep(for: FileWatch.interval)) != nil {
                    if watch.looked(FileWatch.Stamp(of: path)) { ask.yield(.change) }
                }
            }
            for await cause in asked {
                let outcome = await gatehouse.reload(path: path, cause: cause)
                guard let seconds = outcome.secondsLeft else { continue }
                // After that time the file has been unchanged for long enough, or another reading was asked for.
                group.addTask {
                    guard (try? await Task.sleep(for: .seconds(seconds))) != nil, gatehouse.isHoldingReload else {
                        return
                    }
                    ask.yield(.change)
                }
            }
            group.cancelAll()
        }
    }
}
