internal import CurlClient
package import GatehouseCore

extension VaultTokenStore {
    /// The version that is about to be written.
    private struct Draft {
        let value: Secret
        /// The version to go back to from it.
        let previous: Int?
        let others: Secret?
    }

    package func set(
        _ name: TokenName,
        to value: Secret,
        _ change: TokenChange
    ) async throws(TokenError) -> TokenSummary {
        try Self.check(value)
        return try await write(name, .set, change) { current in
            Draft(value: value, previous: current.flatMap { $0.isGone ? nil : $0.version }, others: current?.others)
        }
    }

    package func rotate(
        _ name: TokenName,
        to value: Secret,
        _ change: TokenChange
    ) async throws(TokenError) -> TokenSummary {
        try Self.check(value)
        return try await write(name, .rotate, change) { current throws(TokenError) in
            guard let current, !current.isGone else { throw .notFound(name) }
            return Draft(value: value, previous: current.version, others: current.others)
        }
    }

    package func rollback(
        _ name: TokenName,
        from version: Int?,
        _ change: TokenChange
    ) async throws(TokenError) -> TokenSummary {
        try await write(name, .rollback, change) { current throws(TokenError) in
            let old = try await predecessor(of: name, current, from: version)
            _ = try value(of: name, old)
            guard let value = old.value else { throw .notFound(name) }
            return Draft(value: value, previous: old.previous, others: old.others)
        }
    }

    package func predecessor(of name: TokenName, version: Int) async throws(TokenError) -> TokenValue {
        let current = try await secret(name, version: nil)
        return try value(of: name, try await predecessor(of: name, current, from: version))
    }

    private func predecessor(
        of name: TokenName,
        _ current: VaultSecret?,
        from version: Int?
    ) async throws(TokenError) -> VaultSecret {
        guard let current, !current.isGone else { throw .notFound(name) }
        guard version == nil || version == current.version else { throw .superseded(name, current.version) }
        guard let previous = current.previous else {
            throw TokenError(.versionNotFound, "the token '\(name)' has no version before \(current.version)")
        }
        guard let old = try await secret(name, version: previous), !old.isGone else {
            throw TokenError(
                .versionNotFound,
                "Vault keeps the version \(previous) of the token '\(name)' no longer",
                hint:
                    "how many it keeps: vault kv metadata put -mount=\(session.place.mount) -max-versions=20 \(session.place.path)/\(name)"
            )
        }
        return old
    }

    package func delete(_ name: TokenName, _ change: TokenChange) async throws(TokenError) {
        // Vault says of one that never was that it is deleted.
        guard try await secret(name, version: nil) != nil else { throw .notFound(name) }
        let target = session.place.metadata(name)
        let response = try await session.call("DELETE", target)
        guard response.status == 204 || response.status == 200 else { throw refused(response, target, "delete") }
    }

    // MARK: -

    /// Writes over the version that the draft was made from, and over no other: when somebody was faster, a draft is made of what is there then.
    private func write(
        _ name: TokenName,
        _ action: TokenEvent.Action,
        _ change: TokenChange,
        _ draft: (_ current: VaultSecret?) async throws(TokenError) -> Draft
    ) async throws(TokenError) -> TokenSummary {
        let target = session.place.data(name)
        for _ in 0..<Self.maximumAttempts {
            let current = try await secret(name, version: nil)
            let draft = try await draft(current)
            // Never near the end of the range: a version is one of ``VaultSecret/versions``.
            let next = (current?.version ?? 0) + 1
            guard VaultSecret.versions.contains(next) else {
                throw TokenError(.limit, "the token '\(name)' has no version number left")
            }
            let notes = Self.notes(next, draft.previous, action, change)
            let response = try await session.call("POST", target, body: Self.body(draft, notes, over: next - 1))
            if response.status == 400, VaultAnswer.says("check-and-set", response.body) { continue }
            guard response.status == 200 else {
                throw refused(response, target, current == nil ? "create" : "update")
            }
            var written = try VaultAnswer.written(response.body)
            guard written.version == next else { throw .strangeAnswer }
            (written.value, written.notes) = (draft.value, notes)
            return summary(name, .success(written))
        }
        throw TokenError(.unavailable, "the token '\(name)' is changed by others all the time", hint: "try again")
    }

    private static func notes(
        _ version: Int,
        _ previous: Int?,
        _ action: TokenEvent.Action,
        _ change: TokenChange
    ) -> [VaultSecret.Field: String] {
        var notes: [VaultSecret.Field: String] = [.version: String(version), .action: action.rawValue]
        if let previous { notes[.previous] = String(previous) }
        if !change.actor.isEmpty { notes[.actor] = change.actor }
        if !change.note.isEmpty { notes[.note] = change.note }
        if let expires = change.expiresAt { notes[.expires] = expires.rfc3339 }
        return notes
    }

    private static func body(_ draft: Draft, _ notes: [VaultSecret.Field: String], over version: Int) -> CurlBody {
        var json = JSONText()
        json.object { json in
            for (field, text) in notes.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                json.string(field.rawValue, text)
            }
        }
        let opening: [JSONPart] = [
            .text(#"{"options":{"cas":\#(version)},"data":\#(json.text.dropLast()),"value":"#), .quoted(draft.value),
        ]
        let others = draft.others.map { [JSONPart.verbatim($0)] } ?? []
        return .json(opening + others + [.text("}}")])
    }

    private static func check(_ value: Secret) throws(TokenError) {
        do throws(InvalidValue) { _ = try TokenValue(validating: value, version: 1) } catch {
            throw TokenError(.invalidValue, error.message, hint: error.suggestion, underlying: error)
        }
    }
}
