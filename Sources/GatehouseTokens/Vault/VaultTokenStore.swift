internal import Crypto
internal import CurlClient
package import GatehouseCore

/// Tokens as secrets in a folder of a KV engine of version 2, in HashiCorp Vault or OpenBao: each named like its token, its value in the field `value`. Vault
/// encrypts and versions them.
///
/// Two that change one token at once are kept apart by check-and-set: the later one writes over what the earlier one wrote.
package struct VaultTokenStore: TokenStore {
    /// Changes that `history` gives, the newest ones: each is a request. Vault keeps 10 versions unless told otherwise.
    package static let maximumHistory = 20
    /// Secrets of the folder; one with more is refused.
    package static let maximumTokens = 1000
    /// Secrets that are read at once.
    static let maximumReadings = 4
    /// Attempts of one change, when others change the same token meanwhile.
    static let maximumAttempts = 16

    package let capabilities: TokenStoreCapabilities = [.writing, .versions]

    let session: VaultSession
    // Drawn for each process: see Fingerprint.
    private let fingerprinting = SymmetricKey(size: .bits256)

    package init(_ place: VaultPlace, surroundings: TokenRefresher.Surroundings = .machine) {
        self.init(VaultSession(place, surroundings: surroundings))
    }

    init(_ session: VaultSession) { self.session = session }

    package func load() async throws(TokenError) -> TokenLoad {
        var load = TokenLoad()
        for (name, secret) in try await all() {
            do throws(TokenError) {
                let secret = try secret.get()
                // Somebody has deleted it in Vault: it is to be sent no longer.
                guard !secret.isGone else { continue }
                load.tokens[name] = try value(of: name, secret)
                load.dates[name] = TokenDates(createdAt: secret.createdAt, expiresAt: secret.expiresAt)
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
        guard let secret = try await secret(name, version: version), version == nil || !secret.isGone else {
            throw version == nil
                ? .notFound(name)
                : TokenError(.versionNotFound, "the token '\(name)' has no version \(version ?? 0)")
        }
        return try value(of: name, secret)
    }

    package func history(of name: TokenName) async throws(TokenError) -> [TokenEvent] {
        guard let current = try await secret(name, version: nil) else { throw .notFound(name) }
        var events: [TokenEvent] = []
        for version in stride(from: current.version, to: max(0, current.version - Self.maximumHistory), by: -1) {
            // Vault forgets the oldest ones first.
            let found = version == current.version ? current : try await secret(name, version: version)
            guard let found else { break }
            let value = try? value(of: name, found)
            events.append(
                TokenEvent(
                    revision: version,
                    action: found.action,
                    version: version,
                    at: found.createdAt ?? Timestamp(seconds: 0),
                    actor: found.actor,
                    note: found.note,
                    fingerprint: value.map { Fingerprint(of: $0.secret, key: fingerprinting) },
                    isCurrent: version == current.version,
                    problem: nil
                )
            )
        }
        return events
    }

    // MARK: - Asking

    /// The secrets whose names tokens can have, in order. One that cannot be read keeps the others back no more than it must.
    private func all() async throws(TokenError) -> [(TokenName, Result<VaultSecret, TokenError>)] {
        let names = try await names()
        let answers = await withTaskGroup(
            of: (TokenName, Result<CurlResponse, TokenError>).self,
            returning: Result<[TokenName: Result<VaultSecret, TokenError>], TokenError>.self
        ) { group in
            var rest = names[...]
            func begin() {
                guard let name = rest.popFirst() else { return }
                group.addTask {
                    do throws(TokenError) {
                        return (name, .success(try await session.call("GET", session.place.data(name))))
                    } catch {
                        return (name, .failure(error))
                    }
                }
            }
            for _ in 0..<Self.maximumReadings { begin() }
            var found: [TokenName: Result<VaultSecret, TokenError>] = [:]
            while let (name, answer) = await group.next() {
                do throws(TokenError) {
                    if let secret = try judge(answer.get(), name, version: nil) { found[name] = .success(secret) }
                } catch {
                    if case .failure = answer, error.code != .limit {
                        group.cancelAll()
                        return .failure(error)
                    }
                    found[name] = .failure(error)
                }
                begin()
            }
            return .success(found)
        }
        let found = try answers.get()
        return names.compactMap { name in found[name].map { (name, $0) } }
    }

    private func names() async throws(TokenError) -> [TokenName] {
        let target = session.place.folder
        let response = try await session.call("GET", target + "?list=true")
        switch response.status {
        case 200:
            // Other folders, which end in a slash, and names that no token has.
            let names = try VaultAnswer.names(response.body).compactMap { try? TokenName(parsing: $0) }
            guard names.count <= Self.maximumTokens else {
                throw TokenError(.unavailable, "vault: the folder has more than \(Self.maximumTokens) secrets")
            }
            guard Set(names).count == names.count else {
                throw TokenError(.unavailable, "vault: the server names a secret twice")
            }
            return names.sorted()
        // A folder in which there is nothing.
        case 404 where VaultAnswer.errors(response.body).isEmpty: return []
        case _: throw refused(response, target, "list")
        }
    }

    /// Nil when there is none. One that was deleted has a version and no fields.
    func secret(_ name: TokenName, version: Int?) async throws(TokenError) -> VaultSecret? {
        let target = session.place.data(name) + (version.map { "?version=\($0)" } ?? "")
        return try judge(try await session.call("GET", target), name, version: version)
    }

    private func judge(
        _ response: CurlResponse,
        _ name: TokenName,
        version: Int?
    ) throws(TokenError) -> VaultSecret? {
        let secret: VaultSecret
        switch response.status {
        case 200: secret = try VaultAnswer.secret(response.body)
        case 404:
            guard let gone = try? VaultAnswer.secret(response.body) else {
                guard !VaultAnswer.errors(response.body).isEmpty else { return nil }
                throw refused(response, session.place.data(name), "read")
            }
            secret = gone
        case _: throw refused(response, session.place.data(name), "read")
        }
        guard secret.version > 0, version == nil || version == secret.version else {
            throw TokenError(
                .unavailable,
                "vault: what the server gives for '\(name)' is not the version that was asked for"
            )
        }
        return secret
    }

    func refused(_ response: CurlResponse, _ target: String, _ capability: String) -> TokenError {
        let path = target.dropFirst("/v1/".count)
        switch response.status {
        case 403:
            return TokenError(
                .unavailable,
                "vault: the token may not \(capability) \(path) (403)",
                hint:
                    "is it expired or revoked? if not, its policy needs: path \"\(path)\" { capabilities = [\"\(capability)\"] }"
            )
        case 404:
            return TokenError(
                .unavailable,
                "vault: nothing is mounted at '\(session.place.mount)' (404)",
                hint: "check `mount` and `namespace`: `vault secrets list` names the mounts"
            )
        case 200, 204, 405:
            return TokenError(
                .unavailable,
                "vault: '\(session.place.mount)' does not answer as a KV engine of version 2 (\(response.status))",
                hint: "vault kv enable-versioning \(session.place.mount)"
            )
        case let status:
            return TokenError(.unavailable, "vault: the server refuses to \(capability) \(path) (\(status))")
        }
    }

    // MARK: - Judging

    func value(of name: TokenName, _ secret: VaultSecret) throws(TokenError) -> TokenValue {
        let place = session.place
        guard !secret.isGone else {
            throw TokenError(
                .notFound,
                "the version \(secret.version) of the token '\(name)' is deleted in Vault",
                hint:
                    "vault kv undelete -mount=\(place.mount) -versions=\(secret.version) \(place.path)/\(name), or gatehouse token set \(name)"
            )
        }
        guard let value = secret.value else {
            throw TokenError(
                .invalidValue,
                "the token '\(name)': the secret has no text in the field 'value'",
                hint: "gatehouse token set \(name)"
            )
        }
        do throws(InvalidValue) {
            return try TokenValue(validating: value, version: secret.version)
        } catch {
            throw TokenError(.invalidValue, "the token '\(name)': \(error.message)", underlying: error)
        }
    }

    func summary(_ name: TokenName, _ read: Result<VaultSecret, TokenError>) -> TokenSummary {
        var secret: VaultSecret?
        var value: TokenValue?
        var problem: TokenError?
        do throws(TokenError) {
            secret = try read.get()
            value = try secret.map { secret throws(TokenError) in try self.value(of: name, secret) }
        } catch {
            problem = error
        }
        return TokenSummary(
            name: name,
            version: secret?.version ?? 0,
            createdAt: secret?.createdAt,
            expiresAt: secret?.expiresAt,
            fingerprint: value.map { Fingerprint(of: $0.secret, key: fingerprinting) },
            actor: secret?.actor ?? "",
            note: secret?.note ?? "",
            problem: problem
        )
    }
}
