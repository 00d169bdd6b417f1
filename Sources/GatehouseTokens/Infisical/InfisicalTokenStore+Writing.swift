internal import CurlClient
package import GatehouseCore

extension InfisicalTokenStore {
    package func set(
        _ name: TokenName,
        to value: Secret,
        _ change: TokenChange
    ) async throws(TokenError) -> TokenSummary {
        try Self.check(value)
        return try await write(name, value, over: try await secret(name, version: nil), change) { $0.adding($1) }
    }

    package func rotate(
        _ name: TokenName,
        to value: Secret,
        _ change: TokenChange
    ) async throws(TokenError) -> TokenSummary {
        try Self.check(value)
        guard let current = try await secret(name, version: nil) else { throw .notFound(name) }
        return try await write(name, value, over: current, change) { $0.adding($1) }
    }

    package func rollback(
        _ name: TokenName,
        from version: Int?,
        _ change: TokenChange
    ) async throws(TokenError) -> TokenSummary {
        let (old, current) = try await predecessor(of: name, from: version)
        return try await write(name, old.secret, over: current, change) { lineage, _ in lineage.goingBack }
    }

    package func predecessor(of name: TokenName, version: Int) async throws(TokenError) -> TokenValue {
        try await predecessor(of: name, from: version).value
    }

    private func predecessor(
        of name: TokenName,
        from version: Int?
    ) async throws(TokenError) -> (value: TokenValue, current: InfisicalSecret) {
        guard let current = try await secret(name, version: nil) else { throw .notFound(name) }
        guard version == nil || version == current.version else { throw .superseded(name, current.version) }
        guard let predecessor = InfisicalLineage(of: current).predecessor,
            let old = try await secret(name, version: predecessor)
        else { throw TokenError(.versionNotFound, "the token '\(name)' has no version before \(current.version)") }
        return (try self.value(of: old), current)
    }

    package func delete(_ name: TokenName, _ change: TokenChange) async throws(TokenError) {
        let response = try await session.call("DELETE", "/api/v4/secrets/\(name)", body: InfisicalBody.object(place))
        switch response.status {
        case 200: guard try InfisicalAnswer.secret(response.body) != nil else { throw Self.pending(name) }
        case 404: throw .notFound(name)
        case _: throw Self.refused(response.status)
        }
    }

    // MARK: -

    private func write(
        _ name: TokenName,
        _ value: Secret,
        over current: InfisicalSecret?,
        _ change: TokenChange,
        _ lineage: (InfisicalLineage, Int) -> InfisicalLineage
    ) async throws(TokenError) -> TokenSummary {
        // Never near the end of the range: a version is one of ``InfisicalSecret/versions``.
        let next = (current?.version ?? 0) + 1
        guard InfisicalSecret.versions.contains(next) else {
            throw TokenError(.limit, "the token '\(name)' has no version number left")
        }
        let before = current.map { InfisicalLineage(of: $0) } ?? InfisicalLineage()
        // Metadata of others stays.
        let ours = [InfisicalLineage.chainKey, InfisicalLineage.versionKey, Self.expiresKey, Self.actorKey]
        var metadata = (current?.metadata ?? []).filter { !ours.contains($0.key) }
        metadata += lineage(before, next).metadata(at: next)
        metadata.append(InfisicalSecret.Metadata(key: Self.actorKey, value: change.actor))
        if let expires = change.expiresAt {
            metadata.append(InfisicalSecret.Metadata(key: Self.expiresKey, value: expires.rfc3339))
        }
        let response = try await session.call(
            current == nil ? "POST" : "PATCH",
            "/api/v4/secrets/\(name)",
            body: InfisicalBody.object(
                place + [("secretComment", change.note)],
                secrets: [("secretValue", value)],
                metadata: metadata
            )
        )
        guard response.status == 200 else { throw Self.refused(response.status) }
        guard try InfisicalAnswer.secret(response.body) != nil else { throw Self.pending(name) }
        // Infisical trims values and may change them in other ways: only what is read back was written.
        guard let written = try await secret(name, version: nil), try self.value(of: written).secret == value else {
            throw TokenError(
                .unavailable,
                "infisical has not kept the value of '\(name)' as it was sent",
                hint: "look at the secret there; the version before is kept"
            )
        }
        return summary(name, written)
    }

    private var place: [(String, String)] {
        [
            ("projectId", session.place.project), ("environment", session.place.environment),
            ("secretPath", session.place.path), ("type", "shared"),
        ]
    }

    private static func check(_ value: Secret) throws(TokenError) {
        do throws(InvalidValue) { _ = try TokenValue(validating: value, version: 1) } catch {
            throw TokenError(.invalidValue, error.message, hint: error.suggestion, underlying: error)
        }
    }

    private static func pending(_ name: TokenName) -> TokenError {
        TokenError(
            .unavailable,
            "the change of '\(name)' is not written: it waits for approval in Infisical",
            hint: "have it approved there, or exempt the machine identity from the folder's approval policy"
        )
    }
}
