internal import GatehouseCore
internal import YAMLReader

/// The keys of a route's `cors`.
enum CORSFields {
    static let origins = Field(
        "origins",
        Shape<[Origin]>.list(
            of: .parsed(wanted: "an origin", Origin.init(parsing:)),
            minimum: 1,
            wanted: "a list of origins"
        ),
        .required,
        "Sites whose pages may call the route, as `https://app.example.com` or `chrome-extension://ID`."
    )

    static let all = [origins.form]

    static let shape = Shape<CORS>.mapping(all, wanted: "cors") { keys, decoding in
        guard let origins = keys.read(origins) else { return nil }
        guard origins.count <= CORS.maximumOrigins else {
            decoding.error(
                "there are more than \(CORS.maximumOrigins) origins",
                at: keys.place(of: CORSFields.origins.key)
            )
            return nil
        }
        return CORS(origins: origins)
    }
}

/// A route's `resource_metadata` before its host and path are known.
struct ResourceMetadataDraft: Sendable {
    let resource: WebURL?
    let authorizationServers: [WebURL]
    let scopes: [String]
    let name: String?
    let documentation: WebURL?
}

/// The keys of a route's `resource_metadata`.
enum ResourceMetadataFields {
    static let resource = Field(
        "resource",
        url("the URL of the resource"),
        "The public URL of the route; by default `https://HOST/PATH`. Needed where the host is `\"*\"`."
    )
    static let authorizationServers = Field(
        "authorization_servers",
        Shape<[WebURL]>.list(of: url("a URL"), minimum: 1, wanted: "a list of issuers"),
        .required,
        "Issuers that give tokens for it."
    )
    static let scopes = Field(
        "scopes_supported",
        Shape<[String]>.list(of: .scope, wanted: "a list of scopes"),
        .fallback([]),
        "Scopes that a client may ask for."
    )
    static let name = Field("resource_name", Shape<String>.text(wanted: "a name"), "Its name, for people.")
    static let documentation = Field("resource_documentation", url("a URL"), "A page about it, for people.")

    static let all = [resource.form, authorizationServers.form, scopes.form, name.form, documentation.form]

    static let shape = Shape<ResourceMetadataDraft>.mapping(all, wanted: "resource_metadata") { keys, decoding in
        let resource = keys.read(resource)
        let servers = keys.read(authorizationServers)
        let scopes = keys.read(scopes)
        let name = keys.read(name)
        let documentation = keys.read(documentation)
        if let resource, resource.target.contains("?") {
            let place = keys.place(of: ResourceMetadataFields.resource.key)
            decoding.error("the URL of a resource has no query here", at: place)
            return nil
        }
        guard let servers, let scopes else { return nil }
        return ResourceMetadataDraft(
            resource: resource,
            authorizationServers: servers,
            scopes: scopes,
            name: name,
            documentation: documentation
        )
    }

    private static func url(_ wanted: String) -> Shape<WebURL> { .parsed(wanted: wanted, WebURL.init(trusted:)) }
}

extension ResourceMetadata {
    /// - Returns: nil when the route has no one host and the draft names no resource.
    init?(_ draft: ResourceMetadataDraft, _ host: HostPattern, _ path: PathPrefix) {
        let resource: String
        switch (draft.resource, host) {
        case (let given?, _): resource = given.text
        case (nil, .exact(let host)): resource = "https://\(host.name)\(path == .root ? "" : path.text)"
        case (nil, .any): return nil
        }
        self.init(
            resource: resource,
            authorizationServers: draft.authorizationServers.map(\.text),
            scopes: draft.scopes,
            name: draft.name,
            documentation: draft.documentation?.text
        )
    }
}

extension Shape where Value == String {
    /// A scope token (RFC 6749 section 3.3).
    fileprivate static var scope: Shape {
        .parsed(wanted: "a scope") { text throws(InvalidValue) in
            guard !text.isEmpty,
                text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C })
            else { throw InvalidValue("\(PlainText.echo(text)) is not a scope: no spaces, quotes or backslashes") }
            return text
        }
    }
}
