package import GatehouseConfig
internal import GatehouseProxy
package import Logging

/// The log's lines about requests.
extension Gatehouse {
    /// Time between two lines of one reason, route and caller.
    static let requestLinesInterval: Duration = .seconds(1)

    /// Takes what the event loops have counted and logs it, until the task is cancelled.
    func watchRequests() async {
        while (try? await Task.sleep(for: Self.requestLinesInterval)) != nil { await logRequests() }
    }

    func logRequests() async {
        let tallies = (try? await proxy.onEachLoop { $0.takeTally() }) ?? []
        RequestLines(tallies).write(to: logger)
    }
}

extension LogSettings.Level {
    /// The raw values are the same.
    package var ofLogger: Logger.Level { Logger.Level(rawValue: rawValue) ?? .info }
}
