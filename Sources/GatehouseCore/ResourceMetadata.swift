/// The route's `resource_metadata`: the document for clients that look for the route's authorization server (RFC 9728).
package struct ResourceMetadata: Hashable, Sendable {
    /// The path under which clients look, before the path of the resource (RFC 9728 section 3.1).
    package static let wellKnownPath = "/.well-known/oauth-protected-resource"

    /// The public URL of the route: `https://host/path`, without a query.
    package let resource: String
    package let authorizationServers: [String]
    package let scopes: [String]
    package let name: String?
    package let documentation: String?

    package init(
        resource: String,
        authorizationServers: [String],
        scopes: [String] = [],
        name: String? = nil,
        documentation: String? = nil
    ) {
        self.resource = resource
        self.authorizationServers = authorizationServers
        self.scopes = scopes
        self.name = name
        self.documentation = documentation
    }

    /// The document as it is served.
    package var document: [UInt8] {
        var json = JSONText()
        json.object { json in
            json.string("resource", resource)
            json.array("authorization_servers") { list in
                for server in authorizationServers { list.string(nil, server) }
            }
            if !scopes.isEmpty {
                json.array("scopes_supported") { list in
                    for scope in scopes { list.string(nil, scope) }
                }
            }
            json.array("bearer_methods_supported") { $0.string(nil, "header") }
            if let name { json.string("resource_name", name) }
            if let documentation { json.string("resource_documentation", documentation) }
        }
        return json.bytes
    }

    /// The document's URL, as a 401 names it: the well-known path stands between the host and the path of the resource.
    package var url: String {
        let scheme = resource.hasPrefix("http://") ? 7 : 8
        let rest = resource.dropFirst(scheme)
        let host = rest.prefix { $0 != "/" }
        let path = rest.dropFirst(host.count)
        return resource.prefix(scheme) + host + Self.wellKnownPath + (path == "/" ? "" : path)
    }
}
