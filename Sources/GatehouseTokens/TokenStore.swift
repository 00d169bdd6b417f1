package import GatehouseCore

/// A place where tokens are kept. Methods that change a token return once the change is durable.
///
/// A store says in ``capabilities`` what it can do; the rest throws ``TokenError`` `unsupported` with a hint. All of them may
/// throw `unavailable`.
package protocol TokenStore: Sendable {
    nonisolated var capabilities: TokenStoreCapabilities { get }

    /// Reads the current value of every token. One that cannot be read is a problem of its own and does not keep the others back.
    func load() async throws(TokenError) -> TokenLoad

    /// A stamp that differs from its last value when tokens may have changed, cheap enough to read each second; nil from a store that can only be
    /// read whole.
    func changeStamp() async throws(TokenError) -> TokenChangeStamp?

    /// Calls `changed` whenever the store notifies of a change by itself, until the task is cancelled. Returns at once for a store that
    /// cannot notify: its stamp is read instead.
    func watch(_ changed: @escaping @Sendable () -> Void) async

    /// Every token without its value, by name.
    func list() async throws(TokenError) -> [TokenSummary]

    /// The changes of a token, the newest first; also after it was deleted.
    ///
    /// - Throws: ``TokenError`` `notFound` for a name that never was.
    func history(of name: TokenName) async throws(TokenError) -> [TokenEvent]

    /// The value of a version, the current one by default.
    ///
    /// - Throws: ``TokenError`` `notFound`, `versionNotFound`, `keyUnknown`, `tampered`.
    func value(of name: TokenName, version: Int?) async throws(TokenError) -> TokenValue

    /// Makes `value` the current version: the first of a new token or the next of an old one.
    ///
    /// - Throws: ``TokenError`` `invalidValue`, `limit`; `keyUnknown` or `tampered` when the stored rows cannot be trusted.
    @discardableResult
    func set(_ name: TokenName, to value: Secret, _ change: TokenChange) async throws(TokenError) -> TokenSummary

    /// The same for a token that must exist; the version before it is kept for ``rollback(_:_:)``.
    @discardableResult
    func rotate(_ name: TokenName, to value: Secret, _ change: TokenChange) async throws(TokenError) -> TokenSummary

    /// Makes the version current again that was so when the current one was set. Going back twice goes back two.
    ///
    /// - Parameter version: the version to go back from; nil for the current one, whichever it is.
    /// - Throws: ``TokenError`` `versionNotFound` when there is none, `superseded` when `version` is not the current one.
    @discardableResult
    func rollback(
        _ name: TokenName,
        from version: Int?,
        _ change: TokenChange
    ) async throws(TokenError) -> TokenSummary

    /// The value that ``rollback(_:from:_:)`` from this version would make current again: looked at, not gone back to.
    ///
    /// - Throws: as that does.
    func predecessor(of name: TokenName, version: Int) async throws(TokenError) -> TokenValue

    /// Destroys every version. Also works on a token that no longer opens, so that it can be set anew.
    func delete(_ name: TokenName, _ change: TokenChange) async throws(TokenError)
}

extension TokenStore {
    package func value(of name: TokenName) async throws(TokenError) -> TokenValue {
        try await value(of: name, version: nil)
    }

    package func changeStamp() async throws(TokenError) -> TokenChangeStamp? { nil }

    package func watch(_ changed: @escaping @Sendable () -> Void) async {}

    @discardableResult
    package func rollback(_ name: TokenName, _ change: TokenChange) async throws(TokenError) -> TokenSummary {
        try await rollback(name, from: nil, change)
    }
}

package struct TokenStoreCapabilities: OptionSet, Sendable {
    package let rawValue: Int
    package init(rawValue: Int) { self.rawValue = rawValue }

    /// `set`, `rotate`, `delete`.
    package static let writing = TokenStoreCapabilities(rawValue: 1)
    /// Old versions are kept: `history`, `rollback`, `value(of:version:)`.
    package static let versions = TokenStoreCapabilities(rawValue: 2)
    /// Rows are sealed under master keys: `rewrap`.
    package static let sealing = TokenStoreCapabilities(rawValue: 4)
}

/// The result of one reading of a store.
package struct TokenLoad: Sendable {
    package var tokens: [TokenName: TokenValue]
    package var problems: [TokenProblem]
    /// The dates of the tokens whose store knows them.
    package var dates: [TokenName: TokenDates] = [:]
    /// The clock of the store's server, where it has one that can be read.
    package var clock: ClockReading?
    /// When the store's file was last found to be another one than before.
    package var replacedAt: ContinuousClock.Instant?

    package init(tokens: [TokenName: TokenValue] = [:], problems: [TokenProblem] = []) {
        self.tokens = tokens
        self.problems = problems
    }
}

/// When the current version of a token was set, and when the upstream ends it, as far as the store knows.
package struct TokenDates: Hashable, Sendable {
    package let createdAt: Timestamp?
    package let expiresAt: Timestamp?

    package init(createdAt: Timestamp?, expiresAt: Timestamp?) {
        self.createdAt = createdAt
        self.expiresAt = expiresAt
    }
}

/// A token that is in the store and cannot be used.
package struct TokenProblem: Sendable {
    package let name: TokenName
    package let error: TokenError

    package init(name: TokenName, error: TokenError) {
        self.name = name
        self.error = error
    }
}

/// Opaque: equal stamps mean that nothing has changed.
package struct TokenChangeStamp: Hashable, Sendable {
    package let bytes: [UInt8]
    package init(_ bytes: [UInt8]) { self.bytes = bytes }
}
