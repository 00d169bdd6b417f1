internal import CurlClient
internal import GatehouseCore

/// Finds the authorization server of a resource: from the resource's metadata (RFC 9728) to the server's own (RFC 8414, OpenID Connect Discovery 1.0).
/// Each document has to be about what was asked for, or somebody who can write one of them could have people's codes sent to another server.
struct AuthorizationDiscovery: Sendable {
    let reach: IssuerReach
    let authoritiesFile: String?
    var send = IssuerRequest.curl

    func server(of resource: WebURL) async throws(ConnectFailure) -> AuthorizationServer {
        let (issuer, name) = try await issuer(of: resource)
        guard reach.mayName(issuer), !issuer.target.contains("?") else {
            throw ConnectFailure(.metadata, "the resource names an authorization server without an https address")
        }
        for place in Self.places(of: issuer) {
            guard let body = try await document(place, "the authorization server") else { continue }
            return try AuthorizationServer(body, of: issuer, for: name, reach)
        }
        throw ConnectFailure(
            .metadata,
            "the authorization server has no metadata",
            hint: "authorize_url and token_url name its endpoints"
        )
    }

    /// The first authorization server that the resource names, and the name by which it is asked for tokens. A resource without metadata is its own
    /// server, as MCP servers were before 2025-06-18.
    private func issuer(of resource: WebURL) async throws(ConnectFailure) -> (WebURL, String) {
        let root = resource.origin
        var places = [(resource.wellKnown(ResourceMetadata.wellKnownPath), resource.text)]
        if !AuthorizationServer.isSame(resource.text, root) {
            places.append((root + ResourceMetadata.wellKnownPath, root))
        }
        for (place, name) in places {
            guard let body = try await document(place, "the resource") else { continue }
            guard let json = JSONValue(parsing: body.bytes), json.isObject else {
                throw ConnectFailure(.metadata, "the metadata of the resource is no JSON object")
            }
            guard let about = json["resource"]?.text, AuthorizationServer.isSame(about, name) else {
                throw ConnectFailure(.metadata, "the metadata of the resource is of another resource")
            }
            guard let first = json["authorization_servers"]?.elements.first?.text else {
                throw ConnectFailure(
                    .metadata,
                    "the resource names no authorization server",
                    hint: "authorize_url and token_url name its endpoints"
                )
            }
            do throws(InvalidValue) { return (try WebURL(trusted: first), about) } catch {
                throw ConnectFailure(.metadata, "the resource names an authorization server without an https address")
            }
        }
        do throws(InvalidValue) { return (try WebURL(parsing: root), resource.text) } catch {
            throw ConnectFailure(.metadata, "the resource has no authorization server")
        }
    }

    /// RFC 8414 section 3.1 puts the well-known path before the issuer's, OpenID Connect behind it; there are servers that do the former for both.
    static func places(of issuer: WebURL) -> [String] {
        let oauth = "/.well-known/oauth-authorization-server"
        let openID = "/.well-known/openid-configuration"
        let path = issuer.target.hasSuffix("/") ? String(issuer.target.dropLast()) : issuer.target
        guard !path.isEmpty else { return [issuer.origin + oauth, issuer.origin + openID] }
        return [issuer.origin + oauth + path, issuer.origin + path + openID, issuer.origin + openID + path]
    }

    /// - Returns: nil where there is none.
    private func document(_ url: String, _ whose: String) async throws(ConnectFailure) -> CurlBody? {
        let response: CurlResponse
        do throws(CurlError) {
            response = try await send(IssuerRequest.get(url, reach: reach, authoritiesFile: authoritiesFile))
        } catch {
            throw ConnectFailure(error, whose)
        }
        switch response.status {
        case 200: return response.body
        case 300..<400:
            throw ConnectFailure(.metadata, "\(whose) redirects (\(response.status)) instead of giving its metadata")
        case 400..<500: return nil
        case _: throw ConnectFailure(.unavailable, "\(whose) answers \(response.status)", hint: "try again later")
        }
    }
}
