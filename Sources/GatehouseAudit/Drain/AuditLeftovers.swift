internal import GatehouseCore
internal import Glibc

/// Delivers the events that ended instances of this machine left in their folders of a shared spool.
package struct AuditLeftovers: Sendable {
    /// Time between two looks: an instance that has just ended may be started again, and would go on with its folder itself.
    package static let defaultInterval: Duration = .seconds(10)
    /// How long one folder is held; what the sink has not taken by then is tried again.
    static let patience: Duration = .seconds(60)
    private static let pause: UInt32 = 50_000

    private let settings: AuditSystem.Settings
    private let makeSink: @Sendable () throws -> sending any AuditSink

    /// - Parameters:
    ///   - settings: of the instance that runs.
    ///   - makeSink: a sink of its own for each folder.
    package init(_ settings: AuditSystem.Settings, makeSink: @escaping @Sendable () throws -> sending any AuditSink) {
        self.settings = settings
        self.makeSink = makeSink
    }

    /// Looks at each folder once. Blocks.
    ///
    /// - Parameter isStopping: asked while the sink takes what there is.
    /// - Returns: how many events the sink has taken.
    @discardableResult
    package func bringOnce(unless isStopping: () -> Bool = { false }) -> Int {
        var count = 0
        for folder in SharedSpool.foldersWithRest(of: settings.spool) where !isStopping() {
            count += (try? bring(folder, isStopping)) ?? 0
        }
        return count
    }

    /// The lock of a folder whose process still runs cannot be taken, and then there is nothing to do.
    private func bring(_ folder: String, _ isStopping: () -> Bool) throws -> Int {
        var own = settings
        own.spool = folder
        own.sharesSpool = false
        let audit = try AuditSystem(own, sink: makeSink())
        let before = audit.state(at: Timestamp(microseconds: 0)).deliveredThrough
        try audit.start()
        let end = ContinuousClock.now + Self.patience
        while !isStopping(), ContinuousClock.now < end, audit.state(at: Timestamp(microseconds: 0)).depthEvents > 0 {
            usleep(Self.pause)
        }
        audit.shutdown(within: .seconds(1))
        return Int(audit.state(at: Timestamp(microseconds: 0)).deliveredThrough - before)
    }
}
