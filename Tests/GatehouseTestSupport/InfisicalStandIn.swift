internal import Foundation
internal import Synchronization

/// An Infisical server for tests, as its published API (v4) describes it: no real one can run where they do. It knows one machine identity, one
/// project and one folder.
package final class InfisicalStandIn: Sendable {
    package static let clientID = "machine-1"
    package static let clientSecret = "client-secret-7d1f"
    package static let project = "project-1"
    package static let environment = "prod"
    package static let folder = "/mcp"

    /// How it misbehaves.
    package struct Mood: Sendable {
        /// Values come as `<hidden-by-infisical>`, with 200.
        package var hidesValues = false
        /// Writes are answered with `{approval}` and not done.
        package var wantsApproval = false
        /// Requests that are answered 429 with this text, from now on.
        package var refusals: [String] = []
        /// Every request is answered with this status.
        package var status: Int?
        /// Seconds that an access token lives, as the server says.
        package var tokenLife = 7200
        /// Values are kept in upper case: a server that changes what it is given.
        package var mangles = false

        package init() {}
    }

    private struct Version {
        var value: String
        var comment: String
    }

    private struct State {
        var mood = Mood()
        var secrets: [String: (versions: [Version], metadata: [[String: Any]])] = [:]
        var tokens: Set<String> = []
        var requests: [String] = []
    }

    private let state = Mutex(State())

    package init() {}

    package func change(_ body: (inout Mood) -> Void) { state.withLock { body(&$0.mood) } }

    /// Every access token is taken no longer, as after a restart of the server or a revocation.
    package func forgetTokens() { state.withLock { $0.tokens = [] } }

    /// `METHOD path` of every request, in order.
    package var requests: [String] { state.withLock { $0.requests } }

    /// As somebody does in the web interface.
    package func edit(_ name: String, _ value: String) {
        state.withLock { $0.secrets[name, default: ([], [])].versions.append(Version(value: value, comment: "")) }
    }

    package func values(of name: String) -> [String] {
        state.withLock { $0.secrets[name]?.versions.map(\.value) ?? [] }
    }

    // MARK: -

    /// - Parameter target: path and query.
    package func answer(_ method: String, _ target: String, authorization: String?, body: [UInt8]) -> (Int, [UInt8]) {
        let (status, answer) = state.withLock { state in
            Self.answer(&state, method, target, authorization, body)
        }
        let bytes = (try? JSONSerialization.data(withJSONObject: answer)) ?? Data()
        return (status, Array(bytes))
    }

    private static func answer(
        _ state: inout State,
        _ method: String,
        _ target: String,
        _ authorization: String?,
        _ body: [UInt8]
    ) -> (Int, [String: Any]) {
        let parts = URLComponents(string: target)
        let path = parts?.path ?? ""
        let query = Dictionary(
            (parts?.queryItems ?? []).map { ($0.name, $0.value ?? "") },
            uniquingKeysWith: { first, _ in first }
        )
        let fields = (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] ?? [:]
        state.requests.append("\(method) \(path)")
        if let status = state.mood.status { return (status, ["message": "Something went wrong"]) }
        if !state.mood.refusals.isEmpty { return (429, ["message": state.mood.refusals.removeFirst()]) }
        switch (method, path) {
        case ("POST", "/api/v1/auth/universal-auth/login"):
            guard fields["clientId"] as? String == clientID, fields["clientSecret"] as? String == clientSecret else {
                return (401, ["message": "Invalid credentials"])
            }
            let token = "access-\(UUID().uuidString)"
            state.tokens.insert(token)
            return (
                200,
                [
                    "accessToken": token, "expiresIn": state.mood.tokenLife, "accessTokenMaxTTL": 2_592_000,
                    "tokenType": "Bearer",
                ]
            )
        case ("POST", "/api/v1/auth/token/renew"):
            guard let token = fields["accessToken"] as? String, state.tokens.contains(token) else {
                return (401, ["message": "Your token has expired"])
            }
            return (200, ["accessToken": token, "expiresIn": state.mood.tokenLife, "tokenType": "Bearer"])
        case _: break
        }
        guard let authorization, authorization.hasPrefix("Bearer "),
            state.tokens.contains(String(authorization.dropFirst(7)))
        else { return (401, ["message": "Token missing or expired"]) }
        func place(_ key: String) -> String? { query[key] ?? fields[key] as? String }
        guard place("projectId") == project, place("environment") == environment, place("secretPath") == folder else {
            return (404, ["message": "Folder with path was not found"])
        }
        if method == "GET", path == "/api/v4/secrets" {
            let secrets = state.secrets.keys.sorted().compactMap { shown($0, nil, state) }
            return (200, ["secrets": secrets, "imports": [Any]()])
        }
        guard path.hasPrefix("/api/v4/secrets/") else { return (404, ["message": "Not found"]) }
        return one(&state, method, String(path.dropFirst(16)), query["version"].flatMap { Int($0) }, fields)
    }

    private static func one(
        _ state: inout State,
        _ method: String,
        _ name: String,
        _ version: Int?,
        _ fields: [String: Any]
    ) -> (Int, [String: Any]) {
        let exists = state.secrets[name] != nil
        if method == "GET" {
            guard let secret = shown(name, version, state) else {
                return (404, ["message": "Secret with name '\(name)' not found"])
            }
            return (200, ["secret": secret])
        }
        if method == "POST", exists { return (400, ["message": "Secret already exist"]) }
        if method != "POST", !exists { return (404, ["message": "Secret not found"]) }
        if state.mood.wantsApproval {
            return (200, ["approval": ["id": "1", "slug": "s", "status": "open", "policyId": "p"]])
        }
        if method == "DELETE" {
            let secret = shown(name, nil, state) ?? [:]
            state.secrets[name] = nil
            return (200, ["secret": secret])
        }
        guard let value = fields["secretValue"] as? String, value != "refused-by-validation" else {
            return (422, ["error": "ValidationFailure", "message": [["path": ["secretValue"], "received": "…"]]])
        }
        // As the API does it: white space at both ends goes.
        let trimmed = value.trimmingCharacters(in: .whitespacesAndNewlines)
        let version = Version(
            value: state.mood.mangles ? trimmed.uppercased() : trimmed,
            comment: fields["secretComment"] as? String ?? ""
        )
        state.secrets[name, default: ([], [])].versions.append(version)
        if let metadata = fields["secretMetadata"] as? [[String: Any]] { state.secrets[name]?.metadata = metadata }
        return (200, ["secret": shown(name, nil, state) ?? [:]])
    }

    private static func shown(_ name: String, _ version: Int?, _ state: State) -> [String: Any]? {
        guard let secret = state.secrets[name] else { return nil }
        let number = version ?? secret.versions.count
        guard secret.versions.indices.contains(number - 1) else { return nil }
        let shown = secret.versions[number - 1]
        return [
            "id": name, "_id": name, "workspace": project, "environment": environment, "version": number,
            "type": "shared", "secretKey": name, "secretPath": folder,
            "secretValue": state.mood.hidesValues ? "<hidden-by-infisical>" : shown.value,
            "secretValueHidden": state.mood.hidesValues, "secretComment": shown.comment,
            "secretMetadata": secret.metadata, "createdAt": "2026-11-23T09:00:00.000Z",
            "updatedAt": "2026-11-23T09:00:00.000Z", "tags": [Any](),
        ]
    }
}
