package import Logging
internal import Synchronization

/// The least severe level that the log writes. It follows the configuration while the process runs, for all loggers at once, unless the
/// command line has fixed it.
package final class LogLevel: Sendable {
    private let place: Atomic<Int>
    private let isFixed: Bool

    /// - Parameter isFixed: whether ``follow(_:)`` changes nothing.
    package init(_ level: Logger.Level, isFixed: Bool = false) {
        place = Atomic(Self.place(of: level))
        self.isFixed = isFixed
    }

    package var current: Logger.Level { Logger.Level.allCases[place.load(ordering: .relaxed)] }

    package func follow(_ level: Logger.Level) {
        if !isFixed { place.store(Self.place(of: level), ordering: .relaxed) }
    }

    private static func place(of level: Logger.Level) -> Int { Logger.Level.allCases.firstIndex(of: level) ?? 0 }
}
