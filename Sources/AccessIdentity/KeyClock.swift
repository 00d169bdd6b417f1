internal import GatehouseCore

/// The clock of a ``SigningKeySource``, with its waits; injected, so that tests script it.
public protocol KeyClock: Sendable {
    /// Seconds since 1970.
    func now() -> Int64
    /// Returns after so many seconds, or throws when the task is cancelled.
    func sleep(seconds: Int64) async throws
}

/// The clock of the machine.
public struct SystemKeyClock: KeyClock {
    public init() {}

    public func now() -> Int64 { SystemClock().now().seconds }

    public func sleep(seconds: Int64) async throws { try await Task.sleep(for: .seconds(seconds)) }
}
