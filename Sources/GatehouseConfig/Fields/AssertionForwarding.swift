internal import GatehouseCore
internal import YAMLReader

/// Whether a route may hand its caller's assertion on. It is a credential for this route: who reads it may come back with it as the
/// caller until it expires. So it has to be meant, and leaves the machine only over TLS.
enum AssertionForwarding {
    static func check(
        _ isMeant: Bool,
        _ upstream: Upstream,
        _ injections: [Injection],
        probe: [Injection],
        _ keys: Keys,
        _ decoding: Decoding
    ) {
        if probe.contains(where: \.value.forwardsAssertion) {
            decoding.error("a probe has no caller, and so no assertion", at: keys.place(of: RouteFields.probe.key))
        }
        let forwards = injections.contains(where: \.value.forwardsAssertion)
        guard isMeant else {
            guard forwards else { return }
            return decoding.error(
                "'{assertion}' hands the caller's own credential to the upstream, which has to be meant",
                at: keys.place(of: RouteFields.inject.key),
                hint: "forward_assertion: true, for an upstream that is trusted with it"
            )
        }
        guard forwards else {
            return decoding.warning(
                "forward_assertion does nothing: no header of 'inject' holds the assertion",
                at: keys.place(of: RouteFields.forwardAssertion.key),
                hint: "inject: { Cf-Access-Token: \"{assertion}\" }"
            )
        }
        guard case .tcp(let host, _) = upstream.endpoint, !upstream.isSecure, !Loopback.contains(host) else { return }
        decoding.error(
            "the caller's assertion would go to \(PlainText.echo(host)) over http, where anyone on the way can read it and come back as the caller",
            at: keys.place(of: RouteFields.upstream.key),
            hint: "https, or an upstream on this machine's loopback or a unix socket"
        )
    }
}
