internal import GatehouseCore
internal import YAMLReader

/// The keys of one of `routes`.
enum RouteFields {
    static let name = Field(
        "name",
        Shape<RouteName>.parsed(wanted: "a name", RouteName.init(parsing:)),
        .required,
        "The route's name, and the token that `{token}` means."
    )
    static let host = Field(
        "host",
        Shape<HostPattern>.parsed(wanted: "a host name", HostPattern.init(parsing:)),
        .required,
        "The exact host that clients ask for; `\"*\"` for any."
    )
    static let path = Field(
        "path",
        .pathPrefix,
        .fallback(.root),
        "The prefix of the path, on whole segments."
    )
    static let audience = Field(
        "audience",
        Shape<[String]>.list(of: .audienceTag, minimum: 1, wanted: "a list of AUD tags"),
        .required,
        "AUD tags of the Access application; an assertion must carry one of them."
    )
    static let upstream = Field(
        "upstream",
        Shape<Upstream>.parsed(
            wanted: "an upstream",
            isSensitive: true,
            show: { .value($0.authority) },
            Upstream.init(parsing:)
        ),
        .required,
        "`http://…`, `https://…` or `unix:/path`; a path here replaces the matched prefix."
    )
    static let upstreamTLS = Field(
        "upstream_tls",
        UpstreamTLSFields.shape,
        "How the certificate of an `https` upstream is verified, where the system's authorities or its host are not enough."
    )
    static let speech = Field(
        "protocol",
        Shape<Route.Speech>.choice([("mcp", .mcp), ("http", .http)]),
        .fallback(.mcp),
        "What the upstream speaks: `mcp` bodies pass the MCP gate, `http` bodies pass unseen."
    )
    static let inject = Field(
        "inject",
        InjectionFields.shape,
        .fallback([]),
        "Headers set upstream; `{token}` `{token:NAME}` `{email}` `{subject}` `{principal}` `{assertion}` are filled in. Of Access's own headers those that an upstream wants which stands behind Access itself may be set: `CF-Access-Client-Id` and `CF-Access-Client-Secret`, and `Cf-Access-Token`."
    )
    static let forwardAssertion = Field(
        "forward_assertion",
        .boolean,
        "Whether `inject` may hand the caller's assertion to the upstream: `Cf-Access-Token: \"{assertion}\"`. Only over `https`, to loopback or a unix socket; the upstream can come back with it as the caller. Off by default."
    )
    static let strip = Field(
        "strip",
        StripFields.shape,
        .fallback(Route.Strip()),
        "What is stripped beyond what always is."
    )
    static let allow = Field(
        "allow",
        Shape<[Grant]>.list(of: GrantFields.shape, wanted: "a list of grants"),
        "Who may call what; omitted: everyone whom Access admits for this audience, every tool."
    )
    static let authenticate = Field(
        "authenticate",
        Shape<[Route.Credential]>.list(
            of: .choice([("access", .access), ("bearer", .bearer)]),
            minimum: 1,
            wanted: "a list of credentials"
        ),
        .fallback([.access]),
        "`[access]`, or `[access, bearer]` for break-glass credentials too."
    )
    static let limits = Field(
        "limits",
        RouteLimitFields.shape,
        .fallback(RouteLimits()),
        "Bounds of the route's requests."
    )
    static let timeouts = Field(
        "timeouts",
        RouteTimeoutFields.shape,
        .fallback(RouteTimeouts()),
        "How long exchanges may wait; `0s` for ever."
    )
    static let preservesHost = Field(
        "preserve_host",
        .boolean,
        .fallback(false),
        "Send the client's `Host` upstream instead of the upstream's own."
    )
    static let probe = Field("probe", ProbeFields.shape, "A request that tells whether the token works.")
    static let mcp = Field(
        "mcp",
        RouteMCPFields.shape,
        .fallback(RouteMCPFields()),
        "What the MCP gate does on this route."
    )
    static let autoRevert = Field(
        "auto_revert",
        .boolean,
        .fallback(false),
        "Go back to the token's version before when, within 10 minutes of a rotation, the upstream answers 401 and the route's `probe` fails with the new version and not with the one before."
    )

    static let answers = Field(
        "guard",
        GuardFields.shape,
        "Secrets that come back in answers. By default they are taken out of the answers of a route that injects a `{token}`."
    )
    static let pin = Field(
        "pin",
        PinFields.shape,
        "Holds the upstream's tools to what was approved of them; by default callers get them as the upstream lists them. Kept in `state`."
    )
    static let cors = Field("cors", CORSFields.shape, "Other sites whose pages may call the route; none by default.")
    static let resourceMetadata = Field(
        "resource_metadata",
        ResourceMetadataFields.shape,
        "What clients find under `/.well-known/oauth-protected-resource`, without an assertion; by default nothing."
    )

    static let all = [
        name.form, host.form, path.form, audience.form, upstream.form, upstreamTLS.form, speech.form, inject.form,
        forwardAssertion.form, strip.form, allow.form,
        authenticate.form, limits.form, timeouts.form, preservesHost.form, probe.form, mcp.form, cors.form,
        resourceMetadata.form, autoRevert.form, answers.form, pin.form,
    ]

    /// A stand-in for the name of a route that has none, so that its other keys are still checked.
    private static let nameless = try? RouteName(parsing: "nameless")

    static let shape = Shape<Route>.mapping(all, wanted: "a route") { keys, decoding in
        let name = keys.read(name)
        let host = keys.read(host)
        let path = keys.read(path)
        let audiences = keys.read(audience)
        let upstreamURL = keys.read(upstream)
        let upstreamTLS = keys.read(upstreamTLS)
        let upstream = upstreamURL.flatMap { UpstreamTLSFields.upstream($0, upstreamTLS, keys, decoding) }
        let speech = keys.read(speech)
        let inject = keys.read(inject)
        let forwardAssertion = keys.read(forwardAssertion) ?? false
        let strip = keys.read(strip)
        let allow = keys.read(allow)
        let authenticate = keys.read(authenticate)
        let limits = keys.read(limits)
        let timeouts = keys.read(timeouts)
        let preservesHost = keys.read(preservesHost)
        let probe = keys.read(probe)
        let mcp = keys.read(mcp)
        let cors = keys.read(cors)
        let metadataDraft = keys.read(resourceMetadata)
        let autoRevert = keys.read(autoRevert)
        let answers = keys.read(answers)
        let pin = keys.read(pin)
        decoding.claims.append(
            RouteClaim(
                name: name,
                host: host,
                path: path,
                nameSpan: keys.place(of: RouteFields.name.key),
                span: keys.place(of: RouteFields.path.key, RouteFields.host.key)
            )
        )
        if let allow, allow.isEmpty {
            decoding.warning(
                "this route admits nobody",
                at: keys.place(of: RouteFields.allow.key),
                hint: "leave 'allow' out to admit everyone"
            )
        }
        if let speech, let mcp {
            check(speech, allow ?? [], isPinned: pin != nil, mcp, keys, decoding)
        }
        let credentials = authenticate.flatMap {
            RouteFields.credentialSet($0, at: keys.place(of: RouteFields.authenticate.key), decoding)
        }
        let metadata = metadataDraft.flatMap { draft in
            host.flatMap { host in path.flatMap { path in ResourceMetadata(draft, host, path) } }
        }
        if metadataDraft != nil, metadata == nil, host == .any {
            decoding.error(
                "a route for any host says which resource it is",
                at: keys.place(of: RouteFields.resourceMetadata.key),
                hint: "resource: https://HOST/PATH"
            )
            return nil
        }
        guard let ownToken = (name ?? nameless)?.ownToken else { return nil }
        let injections = InjectionFields.injections(inject ?? [], ownToken: ownToken, decoding)
        let probeHeaders = InjectionFields.injections(probe?.headers ?? [], ownToken: ownToken, decoding)
        if case .tcp(let host, _) = upstream?.endpoint, upstream?.isSecure == false, carriesToken(injections) {
            warnOfPlainText(to: host, at: keys.place(of: RouteFields.upstream.key), decoding)
        }
        if let url = probe?.url, !url.isSecure, carriesToken(probeHeaders) {
            warnOfPlainText(to: url.host, at: keys.place(of: RouteFields.probe.key), decoding)
        }
        if let upstream {
            AssertionForwarding.check(forwardAssertion, upstream, injections, probe: probeHeaders, keys, decoding)
        }
        // Wrong, and reported.
        guard answers != nil || !keys.has(RouteFields.answers.key), pin != nil || !keys.has(RouteFields.pin.key) else {
            return nil
        }
        guard let name, let host, let path, let audiences, let upstream, let speech, let inject, let strip,
            let credentials,
            let limits, let timeouts, let preservesHost, let mcp, let autoRevert, injections.count == inject.count,
            probeHeaders.count == probe?.headers.count ?? 0
        else { return nil }
        let reverts = autoRevert && RouteFields.canRevert(injections, probe.map { _ in probeHeaders }, keys, decoding)
        keys.show(RouteFields.autoRevert.key, RouteFields.autoRevert.shape.show(reverts))
        let guarding = GuardFields.effective(answers, speech, injections, &keys, decoding)
        return Route(
            name: name,
            host: host,
            path: path,
            audiences: Set(audiences),
            upstream: upstream,
            speech: speech,
            injections: injections,
            strip: strip,
            policy: Policy(grants: allow),
            credentials: credentials,
            limits: limits,
            timeouts: timeouts,
            preservesHost: preservesHost,
            probe: probe.map { Route.Probe(url: $0.url.text, headers: probeHeaders, expect: $0.expect) },
            answersErrorsAs200: mcp.errorsAs200,
            endpoints: mcp.endpoints,
            cors: cors,
            resourceMetadata: metadata,
            autoRevert: reverts,
            reflection: guarding.reflection,
            takesWebSockets: guarding.takesWebSockets,
            pin: pin
        )
    }

    /// Whether the route has a way to distinguish a broken token from a 401 that some caller causes. A route without it goes on, as it did before
    /// that was asked for, and does not go back by itself.
    private static func canRevert(
        _ injections: [Injection],
        _ probe: [Injection]?,
        _ keys: Keys,
        _ decoding: Decoding
    ) -> Bool {
        let problem: String
        if let probe {
            let tokens = injections.lazy.flatMap(\.value.tokens)
            guard let token = tokens.first, !probe.flatMap(\.value.tokens).contains(token) else { return true }
            problem = "the probe does not send the token '\(token)', so it cannot tell two versions of it apart"
        } else {
            problem = "without a probe, any caller who is answered 401 would decide about the token"
        }
        decoding.warning(
            "auto_revert is off: \(problem)",
            at: keys.place(of: autoRevert.key),
            hint: "probe: { url: …, headers: … } with the headers that the route injects"
        )
        return false
    }

    /// Grants limit what is asked for at the endpoints of MCP, and nothing beside them.
    private static func check(
        _ speech: Route.Speech,
        _ allow: [Grant],
        isPinned: Bool,
        _ mcp: RouteMCPFields,
        _ keys: Keys,
        _ decoding: Decoding
    ) {
        switch speech {
        case .mcp:
            guard mcp.endpoints == nil, isPinned || allow.contains(where: \.limitsAny) else { return }
            let place = isPinned ? RouteFields.pin.key : RouteFields.allow.key
            decoding.warning(
                "\(isPinned ? "pins" : "grants") limit what is called over MCP, but this route does not say where its upstream speaks it: who is limited may post where "
                    + "servers usually do (/mcp, /sse, /messages and their like) and read elsewhere",
                at: keys.place(of: place),
                hint: "name its endpoints: mcp: { paths: [/mcp] }"
            )
        case .http:
            if isPinned {
                decoding.error(
                    "'pin' holds tools of MCP, and this route speaks http",
                    at: keys.place(of: RouteFields.pin.key),
                    hint: "protocol: mcp, or leave 'pin' out"
                )
            }
            guard mcp.endpoints != nil else { return }
            decoding.error(
                "'paths' are the endpoints of MCP, and this route speaks http",
                at: keys.place(of: RouteFields.mcp.key),
                hint: "a path that the route leads to is its 'path'"
            )
        }
    }

    private static func carriesToken(_ injections: [Injection]) -> Bool {
        injections.contains { !$0.value.tokens.isEmpty }
    }

    private static func warnOfPlainText(to host: String, at span: YAMLSpan, _ decoding: Decoding) {
        guard !Loopback.isNear(host) else { return }
        decoding.warning(
            "a token goes to \(PlainText.echo(host)) over http: anyone on the way can read it",
            at: span,
            hint: "https, unless the network between is yours alone"
        )
    }

    private static func credentialSet(
        _ list: [Route.Credential],
        at span: YAMLSpan,
        _ decoding: Decoding
    ) -> Set<Route.Credential>? {
        let set = Set(list)
        if set.count < list.count {
            decoding.error("a credential stands here twice", at: span)
            return nil
        }
        guard set.contains(.access) else {
            decoding.error(
                "bearer credentials come beside access, not instead of it",
                at: span,
                hint: "[access, bearer]"
            )
            return nil
        }
        return set
    }
}
