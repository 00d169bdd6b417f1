/// The route of the page on which people connect their own tokens: an ordinary one, whose upstream is Gatehouse itself.
extension Route {
    /// The fields in which the page is told of its caller. No client can send one past the injection.
    package enum ConnectField {
        package static let subject: StaticString = "Gatehouse-Subject"
        package static let email: StaticString = "Gatehouse-Email"
        package static let assertion: StaticString = "Cf-Access-Jwt-Assertion"
    }

    /// The page's address, with `/` at its end.
    package static func connectAddress(of host: Host, path: PathPrefix) -> String {
        "https://\(host.name)\(path.folder)"
    }

    /// Bytes of a form.
    package static let connectBody = 64 << 10
    /// Requests of one person, so that nobody keeps the page from others.
    package static let connectRate = RouteLimits.Rate(count: 300, per: .seconds(60))

    /// - Parameter document: that describes Gatehouse as a client to the vendors that read it.
    package static func connectPage(
        host: Host,
        path: PathPrefix,
        audiences: Set<String>,
        document: PublicDocument? = nil
    ) -> Route {
        var limits = RouteLimits()
        limits.body = connectBody
        limits.rate = connectRate
        return Route(
            name: RouteName(connectPageOf: host),
            host: .exact(host),
            path: path,
            audiences: audiences,
            upstream: .connectPage(at: path),
            speech: .http,
            injections: [
                (ConnectField.subject, .subject), (ConnectField.email, .email), (ConnectField.assertion, .assertion),
            ].map { Injection(name: HeaderName(known: $0), value: Injection.Template($1)) },
            limits: limits,
            preservesHost: true,
            publicDocument: document
        )
    }

}
