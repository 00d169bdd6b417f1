package import GatehouseCore

/// Copies tokens from one store to another, and between sealed ones what Gatehouse keeps beside them: reads, writes, reads back, compares. Changes nothing where it reads.
///
/// May be run twice, and again after it was stopped: what is there already is left alone.
package struct TokenMigration: Sendable {
    package enum Action: String, Sendable {
        /// A first version was written, or would be.
        case create
        /// A further version was written, or would be.
        case update
        /// The value is there already.
        case same
        /// An `env` store cannot be written to: its variable is to be set by hand.
        case byHand = "by_hand"
        /// The target keeps nothing of the kind: it goes on where it is.
        case stays
        /// Could not be read, written or found again as it was written.
        case failed
    }

    /// The thing that a row is about.
    package enum Subject: Equatable, Sendable {
        /// A token as operators set it.
        case token(TokenName)
        /// The last grant of a token that renews itself.
        case grant(TokenName)
        /// The known tools of a route, with the judgement on each. Revisions stand in place of versions.
        case pins(RouteName)
        /// The callers whom operators deny by command. Revisions stand in place of versions.
        case denials
    }

    package struct Row: Sendable {
        package let subject: Subject
        package let action: Action
        /// The version at either end; nil where there is none.
        package let source: Int?
        package let target: Int?
        package let problem: TokenError?
        /// The line for a token that is to be set by hand.
        package let line: EnvironmentLine?
    }

    private let source: any TokenStore
    private let target: any TokenStore
    private let isDryRun: Bool
    private let only: TokenName?
    private let change: TokenChange

    /// - Parameters:
    ///   - only: the one token to copy; nil for all.
    ///   - change: what the target records with each token; its expiry is the token's own.
    package init(
        from source: any TokenStore,
        to target: any TokenStore,
        only: TokenName? = nil,
        isDryRun: Bool = false,
        _ change: TokenChange
    ) {
        self.source = source
        self.target = target
        self.only = only
        self.isDryRun = isDryRun
        self.change = change
    }

    /// One row for each token of the source, by name, then the grants, then the pins, then the deny entries.
    ///
    /// - Throws: ``TokenError`` when a store cannot be read at all, and `notFound` for an `only` that the source lacks.
    package func run() async throws(TokenError) -> [Row] {
        let from = try await source.load()
        let to = try await target.load()
        let problems = Dictionary(from.problems.map { ($0.name, $0.error) }) { first, _ in first }
        var names = Set(from.tokens.keys).union(problems.keys)
        if let only {
            // What an app was given stands beside no value that somebody set.
            let grants = try await (source as? SealedTokenStore)?.grants().grants ?? [:]
            guard names.contains(only) || grants.keys.contains(where: { $0.token == only }) else {
                throw .notFound(only)
            }
            names = names.intersection([only])
        }
        var rows: [Row] = []
        for name in names.sorted() {
            guard let value = from.tokens[name] else {
                rows.append(Row(.token(name), .failed, problem: problems[name]))
                continue
            }
            rows.append(await copy(name, value, expires: from.dates[name]?.expiresAt, over: to))
        }
        if let from = source as? SealedTokenStore, let to = target as? SealedTokenStore {
            rows += try await copyGrants(from, to)
            if only == nil { rows += try await copyPins(from, to) }
        }
        if only == nil, let from = source as? SealedTokenStore, let row = await copyDenials(from) { rows.append(row) }
        // The audit must verify when the old store has left the configuration.
        if !isDryRun, only == nil, let from = source as? SealedTokenStore, let to = target as? SealedTokenStore {
            try await to.keep(try await from.keyRecord().kept, by: change.actor)
        }
        return rows
    }

    // MARK: -

    /// Copies the last grants of renewed tokens, for all owners. The server goes on with what is shown to it first: the instance that renews them in the
    /// old store ends before the one that renews them in the new one begins.
    private func copyGrants(_ from: SealedTokenStore, _ to: SealedTokenStore) async throws(TokenError) -> [Row] {
        let (load, there) = (try await from.grants(), try await to.grants())
        var rows: [Row] = []
        for key in Set(load.grants.keys).union(load.problems.keys).sorted() where only == nil || only == key.token {
            let old = there.grants[key]
            guard let record = load.grants[key] else {
                rows.append(Row(.grant(key.token), .failed, problem: load.problems[key]))
                continue
            }
            let action: Action = old.map { $0.kept.payload == record.kept.payload ? .same : .update } ?? .create
            guard action != .same, !isDryRun else {
                rows.append(Row(.grant(key.token), action, source: record.version, target: old?.version))
                continue
            }
            do throws(TokenError) {
                let version = try await to.take(record.kept, as: key, by: change.actor)
                rows.append(Row(.grant(key.token), action, source: record.version, target: version))
            } catch {
                rows.append(Row(.grant(key.token), .failed, source: record.version, problem: error))
            }
        }
        return rows
    }

    /// Copies the pins of all routes: a tool that was approved, or rejected, stays so.
    private func copyPins(_ from: SealedTokenStore, _ to: SealedTokenStore) async throws(TokenError) -> [Row] {
        var rows: [Row] = []
        for route in try await from.pinnedRoutes() {
            do throws(TokenError) {
                guard let kept = try await from.pins(of: route) else { continue }
                let old = try await to.pins(of: route)
                let action: Action =
                    old.map { $0.book == kept.book ? .same : $0.revision > 0 ? .update : .create } ?? .create
                var target = old.map { Int($0.revision) }
                if action != .same, !isDryRun {
                    target = Int(try await to.changePins(of: route, by: change.actor) { $0 = kept.book }.kept.revision)
                }
                rows.append(Row(.pins(route), action, source: Int(kept.revision), target: target == 0 ? nil : target))
            } catch {
                rows.append(Row(.pins(route), .failed, problem: error))
            }
        }
        return rows
    }

    /// Adds the deny entries to those that are there: an instance refuses a store that lacks some which are in force.
    private func copyDenials(_ from: SealedTokenStore) async -> Row? {
        do throws(TokenError) {
            guard let kept = try await from.denials(), !kept.book.entries.isEmpty else { return nil }
            let source = Int(kept.revision)
            guard let to = target as? SealedTokenStore else { return Row(.denials, .stays, source: source) }
            let old = try await to.denials()
            let isThere = kept.book.entries.allSatisfy { old?.book.holds($0) ?? false }
            let action: Action = isThere ? .same : old.map { $0.revision > 0 ? .update : .create } ?? .create
            var target = old.flatMap { $0.revision > 0 ? Int($0.revision) : nil }
            if action != .same, !isDryRun {
                _ = try await to.take(kept.book, by: change.actor)
                target = try await to.denials().map { Int($0.revision) }
            }
            return Row(.denials, action, source: source, target: target)
        } catch {
            return Row(.denials, .failed, problem: error)
        }
    }

    private func copy(_ name: TokenName, _ value: TokenValue, expires: Timestamp?, over to: TokenLoad) async -> Row {
        let old = to.tokens[name]
        if let old, old.secret == value.secret, expires == nil || to.dates[name]?.expiresAt == expires {
            return Row(.token(name), .same, source: value.version, target: old.version)
        }
        if let environment = target as? EnvironmentTokenStore {
            let line = EnvironmentLine(variable: environment.variable(of: name), value: value.secret)
            return Row(.token(name), .byHand, source: value.version, target: old?.version, line: line)
        }
        guard target.capabilities.contains(.writing) else {
            let problem = TokenError(.unsupported, "the store cannot be written to: its operator puts tokens there")
            return Row(.token(name), .failed, source: value.version, target: old?.version, problem: problem)
        }
        let action: Action = old == nil ? .create : .update
        guard !isDryRun else { return Row(.token(name), action, source: value.version, target: old?.version) }
        do throws(TokenError) {
            let change = try TokenChange(actor: change.actor, note: change.note, expiresAt: expires)
            try await target.set(name, to: value.secret, change)
            let written = try await target.value(of: name)
            guard written.secret == value.secret else {
                throw TokenError(.unavailable, "'\(name)' reads back otherwise than it was written")
            }
            return Row(.token(name), action, source: value.version, target: written.version)
        } catch {
            return Row(.token(name), .failed, source: value.version, target: old?.version, problem: error)
        }
    }
}

extension TokenMigration.Row {
    fileprivate init(
        _ subject: TokenMigration.Subject,
        _ action: TokenMigration.Action,
        source: Int? = nil,
        target: Int? = nil,
        problem: TokenError? = nil,
        line: EnvironmentLine? = nil
    ) {
        self.init(
            subject: subject,
            action: action,
            source: source,
            target: target,
            problem: problem,
            line: line
        )
    }
}

/// A variable as it stands in an environment file of compose or systemd, or in a shell script.
package struct EnvironmentLine: Sendable {
    package let variable: String
    private let value: Secret

    init(variable: String, value: Secret) {
        self.variable = variable
        self.value = value
    }

    /// `NAME=value`, in single quotes where a reader could take a byte for more than itself: the one way to see the value.
    package var revealed: Secret {
        let plain = "-_./+=:@%,~".utf8
        let isPlain = value.withUnsafeBytes { bytes in
            bytes.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || plain.contains($0) }
        }
        let quote = UInt8(ascii: "'")
        let name = Array(variable.utf8) + [UInt8(ascii: "=")]
        let quotes = value.withUnsafeBytes { bytes in bytes.count { $0 == quote } }
        let count = name.count + value.count + (isPlain ? 0 : 2 + 3 * quotes)
        return Secret(count: count) { target in
            var end = 0
            func put(_ byte: UInt8) {
                target[end] = byte
                end += 1
            }
            for byte in name { put(byte) }
            if !isPlain { put(quote) }
            value.withUnsafeBytes { bytes in
                for byte in bytes {
                    // A quote ends the quoted text, stands by itself behind a backslash, and begins the next.
                    if byte == quote { for byte in [quote, UInt8(ascii: "\\"), quote] { put(byte) } }
                    put(byte)
                }
            }
            if !isPlain { put(quote) }
        }
    }
}
