internal import GatehouseCore
internal import YAMLReader

/// The keys of a route's `upstream_tls`.
enum UpstreamTLSFields {
    static let authorities = Field(
        "ca",
        Shape<String>.absolutePath,
        "A PEM file with the authorities that the upstream's certificate is verified against, instead of the system's; read at start and by each reload."
    )
    static let serverName = Field(
        "server_name",
        Shape<Host>.parsed(wanted: "a host name", Host.init(parsing:)),
        "The name that the certificate must have and that the server is asked for (SNI); by default the host of `upstream`."
    )

    static let all = [authorities.form, serverName.form]

    static let shape = Shape<Upstream.TLS>.mapping(all, wanted: "upstream_tls") { keys, _ in
        let authorities = keys.read(authorities)
        let serverName = keys.read(serverName)
        // Absent, or wrong and reported.
        guard authorities != nil || !keys.has(Self.authorities.key),
            serverName != nil || !keys.has(Self.serverName.key)
        else { return nil }
        return Upstream.TLS(authorities: authorities, serverName: serverName.map { Upstream.bareHost($0) })
    }

    /// The upstream with what is said of its certificate.
    static func upstream(_ upstream: Upstream, _ tls: Upstream.TLS?, _ keys: Keys, _ decoding: Decoding) -> Upstream? {
        guard let tls else { return upstream }
        guard upstream.isSecure else {
            decoding.error(
                "there is no TLS on the way to this upstream, so nothing to verify",
                at: keys.place(of: RouteFields.upstreamTLS.key),
                hint: "upstream: https://…"
            )
            return nil
        }
        return upstream.verified(by: tls)
    }
}
