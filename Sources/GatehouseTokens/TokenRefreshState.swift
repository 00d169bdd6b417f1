package import GatehouseCore

/// How the reading of the live store goes: for readiness, metrics and the status page. Holds no secret.
package struct TokenRefreshState: Sendable {
    /// When the store was last read in full; nil before the first time.
    package internal(set) var lastSuccess: Timestamp?
    /// When it last could not be read.
    package internal(set) var lastFailure: Timestamp?
    /// Why; nil once it was read again.
    package internal(set) var error: TokenError?
    /// Tokens that the last reading could not give.
    package internal(set) var problems: [TokenProblem] = []
    /// The dates of the last reading's tokens, where the store knows them.
    package internal(set) var dates: [TokenName: TokenDates] = [:]
    /// The clock of the store's server as the last reading found it, where it can be read.
    package internal(set) var clock: ClockReading?
    /// When the store's file was last found to be another one than before; nil where that was not so.
    package internal(set) var replacedAt: ContinuousClock.Instant?
    /// Tokens that are served, last-good ones included.
    package internal(set) var served = 0
    /// Tokens served though the store no longer gives them: until `store_max_stale`.
    package internal(set) var stale = 0

    /// Whether tokens were read once and are not all too old: what readiness asks.
    package var isReady: Bool { lastSuccess != nil && !isExpired }
    /// Whether the store could not be read for longer than `store_max_stale`.
    package internal(set) var isExpired = false

    package init() {}

    /// Why the last reading could not give a token, by its name.
    package var errors: [TokenName: TokenError] {
        Dictionary(problems.map { ($0.name, $0.error) }) { first, _ in first }
    }

    /// Time since the last success; nil before the first.
    package func age(at now: Timestamp) -> Duration? { lastSuccess.map { now - $0 } }
}
