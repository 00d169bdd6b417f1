internal import Foundation

extension VaultStandIn {
    static func answer(_ state: inout State, _ request: Request) -> Answer {
        let fields = (try? JSONSerialization.jsonObject(with: Data(request.body))) as? [String: Any] ?? [:]
        let parts = URLComponents(string: request.target)
        let path = parts?.path ?? ""
        let query = Dictionary(
            (parts?.queryItems ?? []).map { ($0.name, $0.value ?? "") },
            uniquingKeysWith: { first, _ in first }
        )
        guard request.namespace.map({ $0.trimmingCharacters(in: ["/"]) }) == namespace else {
            return error(404, "no handler for route \"\(path.dropFirst(4))\". route entry not found.")
        }
        if path == "/v1/auth/approle/login" {
            guard fields["role_id"] as? String == roleID, fields["secret_id"] as? String == secretID,
                !state.mood.isSecretIDExpired
            else { return error(400, "invalid role or secret ID") }
            let token = "hvs.\(UUID().uuidString)"
            state.tokens.insert(token)
            return auth(token, state.mood.tokenLife)
        }
        guard let token = request.token, state.tokens.contains(token) else { return error(403, "permission denied") }
        if path == "/v1/auth/token/renew-self" {
            guard token != rootToken else { return error(400, "lease is not renewable") }
            return auth(token, state.mood.renewedLife ?? state.mood.tokenLife)
        }
        for kind in ["data", "metadata"] {
            let prefix = "/v1/\(mount)/\(kind)/\(folder)"
            if kind == "metadata", path == prefix, request.method == "GET", query["list"] == "true" {
                guard !state.secrets.isEmpty else { return error(404) }
                // A folder beside the secrets.
                return json(200, ["data": ["keys": state.secrets.keys.sorted() + ["archive/"]]])
            }
            guard path.hasPrefix(prefix + "/") else { continue }
            let name = String(path.dropFirst(prefix.count + 1))
            if state.mood.denied.contains(name) { return error(403, "permission denied") }
            if kind == "metadata", request.method == "DELETE" {
                state.secrets[name] = nil
                return (204, "", [])
            }
            if kind == "data", request.method == "GET" {
                return read(state, name, query["version"].flatMap { Int($0) })
            }
            if kind == "data", request.method == "POST" { return write(&state, name, fields) }
        }
        return error(404, "no handler for route \"\(path.dropFirst(4))\". route entry not found.")
    }

    private static func auth(_ token: String, _ life: Int) -> Answer {
        json(
            200,
            [
                "request_id": UUID().uuidString, "data": NSNull(), "warnings": NSNull(),
                "auth": [
                    "client_token": token, "accessor": "a", "policies": ["default", "gatehouse"],
                    "lease_duration": life, "renewable": life > 0, "metadata": NSNull(), "token_type": "service",
                ],
            ]
        )
    }

    private static func read(_ state: State, _ name: String, _ wanted: Int?) -> Answer {
        guard let secret = state.secrets[name] else { return error(404) }
        let number = wanted ?? secret.current
        guard let version = secret.versions[number] else { return error(404) }
        return json(
            version.isGone ? 404 : 200,
            [
                "request_id": UUID().uuidString, "lease_id": "", "renewable": false, "lease_duration": 0,
                "wrap_info": NSNull(), "warnings": NSNull(), "auth": NSNull(),
                "data": [
                    "data": (version.isGone ? nil : version.data).map { $0 as Any } ?? NSNull(),
                    "metadata": metadata(version, number),
                ],
            ]
        )
    }

    private static func write(_ state: inout State, _ name: String, _ fields: [String: Any]) -> Answer {
        guard let data = fields["data"] as? [String: Any] else { return error(400, "no data provided") }
        let current = state.secrets[name]?.current ?? 0
        if let cas = (fields["options"] as? [String: Any])?["cas"] as? Int, cas != current {
            return error(400, "check-and-set parameter did not match the current version")
        }
        add(&state, name, data)
        return json(200, ["request_id": UUID().uuidString, "data": metadata(Version(data: data), current + 1)])
    }

    private static func metadata(_ version: Version, _ number: Int) -> [String: Any] {
        [
            "created_time": "2026-11-23T09:00:00.106272941Z", "custom_metadata": NSNull(),
            "deletion_time": version.isDeleted ? "2026-11-24T09:00:00.5Z" : "", "destroyed": version.data == nil,
            "version": number,
        ]
    }
}
