/// One route: what it matches, whom it admits, where it leads. Immutable; a reload makes a new one where its text has changed.
package final class Route: Sendable {
    /// The protocol that the upstream speaks.
    package enum Speech: String, Sendable {
        /// JSON-RPC over streamable HTTP: bodies pass the MCP gate.
        case mcp
        /// Plain HTTP: bodies pass unseen.
        case http
    }

    /// How a caller may be established.
    package enum Credential: String, Sendable {
        case access
        case bearer
    }

    package let name: RouteName
    package let host: HostPattern
    package let path: PathPrefix
    /// `aud` tags of which an assertion must carry one. Never empty.
    package let audiences: Set<String>
    package let upstream: Upstream
    package let speech: Speech
    package let injections: [Injection]
    /// Whether the upstream gets the caller's assertion.
    package let forwardsAssertion: Bool
    package let strip: Strip
    package let policy: Policy
    package let credentials: Set<Credential>
    package let limits: RouteLimits
    package let timeouts: RouteTimeouts
    /// Whether `Host` goes upstream as the client sent it instead of the upstream's own authority.
    package let preservesHost: Bool
    package let probe: Probe?
    /// Whether a call that fails with a 5xx is answered with HTTP 200 and the JSON-RPC error alone, for clients that give their
    /// session up on a 5xx.
    package let answersErrorsAs200: Bool
    /// The upstream's MCP endpoints; nil when every path is one.
    package let endpoints: EndpointPaths?
    /// Nil when pages of no other site may call the route.
    package let cors: CORS?
    package let resourceMetadata: ResourceMetadata?
    /// Whether Gatehouse goes back to the token's version before by itself when the upstream rejects a new one.
    package let autoRevert: Bool
    /// The treatment of an answer that gives an injected secret back.
    package let reflection: Reflection
    /// Nil where tools are used as the upstream lists them.
    package let pin: ToolPinning?
    /// Whether an upgrade to a websocket passes.
    package let takesWebSockets: Bool
    /// Whether its grants or injected fields ask for groups or claims of a caller.
    package let asksAttributes: Bool
    /// The one document of the route that everybody may read.
    package let publicDocument: PublicDocument?

    /// A document that needs no assertion.
    package struct PublicDocument: Hashable, Sendable {
        /// The whole path.
        package let path: String
        package let json: [UInt8]

        package init(path: String, json: [UInt8]) {
            self.path = path
            self.json = json
        }
    }

    /// Headers and query parameters that are stripped from requests beyond those that always are.
    package struct Strip: Hashable, Sendable {
        package var headers: [HeaderPattern]
        /// Query parameter names, compared exactly after percent-decoding.
        package var query: [String]

        package init(headers: [HeaderPattern] = [], query: [String] = []) {
            self.headers = headers
            self.query = query
        }
    }

    /// A request that shows whether a token works.
    package struct Probe: Hashable, Sendable {
        package let url: String
        package let headers: [Injection]
        package let expect: Int

        package init(url: String, headers: [Injection], expect: Int) {
            self.url = url
            self.headers = headers
            self.expect = expect
        }
    }

    package init(
        name: RouteName,
        host: HostPattern,
        path: PathPrefix = .root,
        audiences: Set<String>,
        upstream: Upstream,
        speech: Speech = .mcp,
        injections: [Injection] = [],
        strip: Strip = Strip(),
        policy: Policy = .everyone,
        credentials: Set<Credential> = [.access],
        limits: RouteLimits = RouteLimits(),
        timeouts: RouteTimeouts = RouteTimeouts(),
        preservesHost: Bool = false,
        probe: Probe? = nil,
        answersErrorsAs200: Bool = false,
        endpoints: EndpointPaths? = nil,
        cors: CORS? = nil,
        resourceMetadata: ResourceMetadata? = nil,
        autoRevert: Bool = false,
        reflection: Reflection = .off,
        takesWebSockets: Bool = true,
        pin: ToolPinning? = nil,
        publicDocument: PublicDocument? = nil
    ) {
        self.name = name
        self.host = host
        self.path = path
        self.audiences = audiences
        self.upstream = upstream
        self.speech = speech
        self.injections = injections
        forwardsAssertion = injections.contains(where: \.value.forwardsAssertion)
        self.strip = strip
        self.policy = Policy(grants: policy.grants, pinsTools: pin != nil)
        asksAttributes =
            policy.grants?.contains { !$0.callers.groups.isEmpty || !$0.callers.claims.isEmpty } ?? false
            || injections.contains { !$0.value.claims.isEmpty }
        self.credentials = credentials
        self.limits = limits
        self.timeouts = timeouts
        self.preservesHost = preservesHost
        self.probe = probe
        self.answersErrorsAs200 = answersErrorsAs200
        self.endpoints = endpoints
        self.cors = cors
        self.resourceMetadata = resourceMetadata
        self.autoRevert = autoRevert
        self.reflection = reflection
        self.takesWebSockets = takesWebSockets
        self.pin = pin
        self.publicDocument = publicDocument
    }

    /// The guard of its answers, in words.
    package var guardWords: String {
        "\(reflection.rawValue), websockets \(takesWebSockets ? "pass" : "are refused")"
    }

    /// Every token the injections name.
    package var tokens: Set<TokenName> { Set(injections.flatMap(\.value.tokens)) }
}

extension Sequence<Route> {
    /// The routes that inject each token, in their order.
    package var tokenUsers: [TokenName: [String]] {
        reduce(into: [:]) { users, route in
            for name in route.tokens { users[name, default: []].append(route.name.text) }
        }
    }
}
