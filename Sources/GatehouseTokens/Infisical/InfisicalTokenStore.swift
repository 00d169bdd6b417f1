internal import Crypto
internal import CurlClient
package import GatehouseCore

/// Tokens as secrets in a folder of an Infisical project (API v4), each named like its token. Infisical encrypts and versions them.
///
/// Two that change one token at once are not kept apart by its API: the later one wins, and both versions are kept.
package struct InfisicalTokenStore: TokenStore {
    /// Changes that `history` gives, the newest ones: each is a request.
    package static let maximumHistory = 20
    static let expiresKey = "gatehouse-expires"
    static let actorKey = "gatehouse-actor"

    package let capabilities: TokenStoreCapabilities = [.writing, .versions]

    let session: InfisicalSession
    // Drawn for each process: see Fingerprint.
    private let fingerprinting = SymmetricKey(size: .bits256)

    package init(_ place: InfisicalPlace, surroundings: TokenRefresher.Surroundings = .machine) {
        self.init(InfisicalSession(place, surroundings: surroundings))
    }

    init(_ session: InfisicalSession) { self.session = session }

    package func load() async throws(TokenError) -> TokenLoad {
        var load = TokenLoad()
        for (name, secret) in try await all() {
            do throws(TokenError) {
                load.tokens[name] = try self.value(of: secret)
                load.dates[name] = TokenDates(createdAt: secret.updatedAt, expiresAt: Self.expiry(of: secret))
            } catch {
                load.problems.append(TokenProblem(name: name, error: error))
            }
        }
        return load
    }

    package func list() async throws(TokenError) -> [TokenSummary] {
        try await all().map { name, secret in summary(name, secret) }
    }

    package func value(of name: TokenName, version: Int?) async throws(TokenError) -> TokenValue {
        guard let secret = try await secret(name, version: version) else {
            throw version == nil
                ? .notFound(name)
                : TokenError(.versionNotFound, "the token '\(name)' has no version \(version ?? 0)")
        }
        return try self.value(of: secret)
    }

    package func history(of name: TokenName) async throws(TokenError) -> [TokenEvent] {
        guard let current = try await secret(name, version: nil) else { throw .notFound(name) }
        var events: [TokenEvent] = []
        for version in stride(from: current.version, to: max(0, current.version - Self.maximumHistory), by: -1) {
            let found = version == current.version ? current : try await secret(name, version: version)
            guard let found else { continue }
            let value = try? self.value(of: found)
            events.append(
                TokenEvent(
                    revision: version,
                    action: version == 1 ? .set : .rotate,
                    version: version,
                    at: found.updatedAt ?? Timestamp(seconds: 0),
                    actor: Self.actor(of: found),
                    note: Self.note(of: found),
                    fingerprint: value.map { Fingerprint(of: $0.secret, key: fingerprinting) },
                    isCurrent: version == current.version,
                    problem: nil
                )
            )
        }
        return events
    }

    // MARK: - Asking

    /// The secrets whose names tokens can have, by name.
    private func all() async throws(TokenError) -> [(TokenName, InfisicalSecret)] {
        let response = try await session.call("GET", "/api/v4/secrets" + query([]))
        guard response.status == 200 else { throw Self.refused(response.status) }
        var found: [TokenName: InfisicalSecret] = [:]
        for secret in try InfisicalAnswer.secrets(response.body) {
            guard let name = try? TokenName(parsing: secret.key) else { continue }
            guard found.updateValue(secret, forKey: name) == nil else {
                throw TokenError(.unavailable, "infisical: the server gives the secret '\(name)' twice")
            }
        }
        return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Nil when there is none; Infisical says the same of what the identity may not know of.
    func secret(_ name: TokenName, version: Int?) async throws(TokenError) -> InfisicalSecret? {
        let more = version.map { [("version", String($0))] } ?? []
        let response = try await session.call("GET", "/api/v4/secrets/\(name)" + query(more))
        switch response.status {
        case 200:
            guard let secret = try InfisicalAnswer.secret(response.body) else { return nil }
            guard secret.key == name.text, version == nil || version == secret.version,
                secret.isSound(in: session.place)
            else { throw Self.unsound(name.text) }
            return secret
        case 404: return nil
        case _: throw Self.refused(response.status)
        }
    }

    private func query(_ more: [(String, String)]) -> String {
        let place = session.place
        let items =
            [
                ("projectId", place.project), ("environment", place.environment), ("secretPath", place.path),
                ("viewSecretValue", "true"), ("expandSecretReferences", "false"), ("include_imports", "false"),
            ] + more
        return "?" + items.map { "\($0.0)=\(Self.escaped($0.1))" }.joined(separator: "&")
    }

    private static func escaped(_ text: String) -> String {
        text.utf8.reduce(into: "") { escaped, byte in
            if byte.isASCIILetter || byte.isASCIIDigit || byte == 0x2D || byte == 0x5F || byte == 0x2E {
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                escaped += "%" + Hex.encode([byte]).uppercased()
            }
        }
    }

    static func refused(_ status: Int) -> TokenError {
        guard status == 404 else { return TokenError(.unavailable, "infisical: the server answers \(status)") }
        return TokenError(
            .unavailable,
            "infisical: there is no such project, environment or folder, or the machine identity has no access to it",
            hint: "check project, environment and path, and the identity's role in the project"
        )
    }

    // MARK: - Judging

    private static func unsound(_ name: String) -> TokenError {
        TokenError(
            .unavailable,
            "infisical: what the server gives for '\(name)' is not the secret that was asked for",
            hint: "is `site` an Infisical server, and is what stands before it one that keeps answers apart?"
        )
    }

    func value(of secret: InfisicalSecret) throws(TokenError) -> TokenValue {
        guard secret.isSound(in: session.place) else { throw Self.unsound(secret.key) }
        guard let value = secret.value, !secret.isHidden else {
            throw TokenError(
                .unavailable,
                "infisical hides the value of '\(secret.key)' from this machine identity",
                hint: "give it a role that may read secret values, not only describe them"
            )
        }
        do throws(InvalidValue) {
            return try TokenValue(validating: value, version: secret.version)
        } catch {
            throw TokenError(.invalidValue, "the token '\(secret.key)': \(error.message)", underlying: error)
        }
    }

    func summary(_ name: TokenName, _ secret: InfisicalSecret) -> TokenSummary {
        var value: TokenValue?
        var problem: TokenError?
        do throws(TokenError) { value = try self.value(of: secret) } catch { problem = error }
        return TokenSummary(
            name: name,
            version: secret.version,
            createdAt: secret.updatedAt,
            expiresAt: Self.expiry(of: secret),
            fingerprint: value.map { Fingerprint(of: $0.secret, key: fingerprinting) },
            actor: Self.actor(of: secret),
            note: Self.note(of: secret),
            problem: problem
        )
    }

    static func expiry(of secret: InfisicalSecret) -> Timestamp? {
        secret.metadata(expiresKey).flatMap { Timestamp(parsing: $0) }
    }

    /// Texts that others may have written: what a terminal would obey, or what is too long, is left out.
    private static func actor(of secret: InfisicalSecret) -> String { plain(secret.metadata(actorKey) ?? "") }
    private static func note(of secret: InfisicalSecret) -> String { plain(secret.comment) }
    private static func plain(_ text: String) -> String {
        text.isFieldValueSafe && text.utf8.count <= TokenChange.maximumLength ? text : ""
    }
}
