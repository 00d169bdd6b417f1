internal import Foundation
internal import Synchronization

/// A Vault for tests, as its published HTTP API describes it (KV engine of version 2, AppRole, tokens, health), which is OpenBao's, too: no real one can run
/// where they do. It knows one namespace, one mount and one AppRole.
package final class VaultStandIn: Sendable {
    package static let namespace = "team/mcp"
    package static let mount = "kv/apps"
    package static let folder = "mcp/prod"
    package static let roleID = "role-5d0c"
    package static let secretID = "secret-id-91b3"
    package static let rootToken = "hvs.root-2c7e"

    /// How it misbehaves.
    package struct Mood: Sendable {
        package enum Health: Int, Sendable {
            case active = 200, standby = 429, disasterSecondary = 472, performanceStandby = 473, uninitialised = 501
            case sealed = 503
        }

        package var health = Health.active
        /// Seconds that a token lives, as the server says.
        package var tokenLife = 3600
        /// What a renewal gives; the same as a sign-in where it is nil.
        package var renewedLife: Int?
        /// The AppRole's secret id is taken no longer.
        package var isSecretIDExpired = false
        /// Requests that are answered 429, each with this many seconds in `Retry-After`.
        package var refusals: [Int] = []
        /// Secrets that no policy lets anybody read.
        package var denied: Set<String> = []
        /// Every request is redirected to this node.
        package var redirect: String?
        /// The status of redirects.
        package var redirectStatus = 307
        /// Every request is answered with this in place of JSON.
        package var page: String?
        /// Versions that are kept of a secret.
        package var maximumVersions = 10

        package init() {}
    }

    package struct Request: Sendable {
        package let method: String
        package let target: String
        package let token: String?
        package let namespace: String?
        package let body: [UInt8]
    }

    struct Version {
        var data: [String: Any]?
        var isGone: Bool { data == nil || isDeleted }
        var isDeleted = false
    }

    struct State {
        var mood = Mood()
        /// All versions by number; forgotten ones are left out.
        var secrets: [String: (current: Int, versions: [Int: Version])] = [:]
        var tokens: Set<String> = [rootToken]
        var requests: [Request] = []
    }

    private let state = Mutex(State())

    package init() {}

    package func change(_ body: (inout Mood) -> Void) { state.withLock { body(&$0.mood) } }

    /// Every token is taken no longer, as after their revocation.
    package func revokeTokens() { state.withLock { $0.tokens = [] } }

    package func allow(_ token: String) { _ = state.withLock { $0.tokens.insert(token) } }

    package var requests: [Request] { state.withLock { $0.requests } }

    package func count(_ path: String) -> Int { requests.count { $0.target.hasSuffix(path) } }

    /// As somebody does with `vault kv put`.
    package func put(_ name: String, _ value: String, others: [String: String] = [:]) {
        state.withLock { state in
            Self.add(&state, name, (others as [String: Any]).merging(["value": value]) { $1 })
        }
    }

    /// As `vault kv delete` does it to the current version.
    package func softDelete(_ name: String) {
        state.withLock { state in
            guard let current = state.secrets[name]?.current else { return }
            state.secrets[name]?.versions[current]?.isDeleted = true
        }
    }

    /// The texts of the current version.
    package func fields(of name: String) -> [String: String] {
        state.withLock { state in
            guard let secret = state.secrets[name] else { return [:] }
            return secret.versions[secret.current]?.data?.compactMapValues { $0 as? String } ?? [:]
        }
    }

    package func values(of name: String) -> [String] {
        state.withLock { state in
            (state.secrets[name]?.versions ?? [:]).sorted { $0.key < $1.key }
                .compactMap { $0.value.data?["value"] as? String }
        }
    }

    // MARK: -

    /// - Returns: a status, the body and fields beside the usual ones.
    package func answer(_ request: Request) -> (status: Int, body: String, fields: [(name: String, value: String)]) {
        state.withLock { state in
            state.requests.append(request)
            if let page = state.mood.page { return (200, page, []) }
            if request.target == "/v1/sys/health" {
                return (state.mood.health.rawValue, #"{"initialized":true}"#, [])
            }
            if let redirect = state.mood.redirect {
                return (state.mood.redirectStatus, "", [("Location", redirect + request.target)])
            }
            switch state.mood.health {
            case .sealed: return Self.error(503, "Vault is sealed")
            case .uninitialised: return Self.error(503, "Vault is sealed")
            case .standby: return Self.error(500, "local node not active but active cluster node not found")
            case .disasterSecondary: return Self.error(472, "path disabled in replication DR secondary mode")
            case .active, .performanceStandby: break
            }
            if !state.mood.refusals.isEmpty {
                let seconds = state.mood.refusals.removeFirst()
                var answer = Self.error(429, "request path is over its rate limit quota")
                answer.fields.append(("Retry-After", String(seconds)))
                return answer
            }
            return Self.answer(&state, request)
        }
    }

    typealias Answer = (status: Int, body: String, fields: [(name: String, value: String)])

    static func error(_ status: Int, _ words: String...) -> Answer { json(status, ["errors": words]) }

    static func json(_ status: Int, _ object: [String: Any]) -> Answer {
        let data = (try? JSONSerialization.data(withJSONObject: object)) ?? Data()
        return (status, String(decoding: data, as: UTF8.self), [])
    }

    static func add(_ state: inout State, _ name: String, _ data: [String: Any]) {
        var secret = state.secrets[name] ?? (0, [:])
        secret.current += 1
        secret.versions[secret.current] = Version(data: data)
        secret.versions[secret.current - state.mood.maximumVersions] = nil
        state.secrets[name] = secret
    }
}
