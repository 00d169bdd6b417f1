internal import GatehouseCore
internal import YAMLReader

/// The keys of a route's `guard`.
struct GuardFields {
    /// The fate of an upgrade to a websocket.
    enum WebSockets: String, CaseIterable {
        case pass
        case refuse
    }

    static let reflection = Field(
        "reflection",
        Shape<Reflection>.choice([("redact", .redact), ("block", .block), ("off", .off)]),
        "An answer in which the upstream gives back a token that the route injects, a version that was served before it, or the assertion that it forwards: plain, escaped, percent-encoded, in base64 or in hex. `redact` puts `[redacted]`, filled up with `*` to the same length, in its place, `block` answers `upstream_failed` or cuts an answer that has begun, `off` looks at nothing. Default: `redact` on a route that injects a token, else `off`. A secret under 8 bytes is not looked for."
    )
    static let webSockets = Field(
        "websockets",
        Shape<WebSockets>.choice(),
        "An upgrade to a websocket, whose bytes are not looked at: `pass` or `refuse` (403). Default: `refuse` where answers are looked at; but `pass` on an `http` route that does not say `reflection`."
    )

    var reflection: Reflection?
    var webSockets: WebSockets?

    static let all = [reflection.form, webSockets.form]

    static let shape = Shape<GuardFields>.mapping(all, wanted: "guard") { keys, _ in
        let reflection = keys.read(reflection)
        let webSockets = keys.read(webSockets)
        // Absent, or wrong and reported.
        guard reflection != nil || !keys.has(Self.reflection.key),
            webSockets != nil || !keys.has(Self.webSockets.key)
        else { return nil }
        return GuardFields(reflection: reflection, webSockets: webSockets)
    }

    /// The values in force on a route.
    struct Effective {
        let reflection: Reflection
        let takesWebSockets: Bool
    }

    /// The values that a route states, and those that follow from the rest of it. MCP has no transport over websockets. An `http` route of a file that does not know this
    /// key may have users who open one, so their upgrades pass as they did.
    ///
    /// - Parameter written: nil for a route without the key.
    static func effective(
        _ written: GuardFields?,
        _ speech: Route.Speech,
        _ injections: [Injection],
        _ keys: inout Keys,
        _ decoding: Decoding
    ) -> Effective {
        let key = RouteFields.answers.key
        let hasSecret = injections.contains { !$0.value.tokens.isEmpty || $0.value.forwardsAssertion }
        let reflection =
            written?.reflection ?? (injections.contains { !$0.value.tokens.isEmpty } ? .redact : .off)
        if reflection != .off, !hasSecret {
            decoding.warning(
                "this route injects no token, so there is nothing to look for in its answers",
                at: keys.place(of: key),
                hint: "leave 'guard' out, or inject a {token}"
            )
        }
        if reflection != .off, written?.webSockets == .pass {
            decoding.warning(
                "websockets of this route are not looked at: an upstream that repeats its headers in one gives the token away",
                at: keys.place(of: key),
                hint: "websockets: refuse, unless clients need them"
            )
        }
        let webSockets =
            written?.webSockets
            ?? (reflection == .off || speech == .http && written?.reflection == nil ? .pass : .refuse)
        if written != nil || reflection != .off {
            keys.show(
                key,
                .mapping([
                    (Self.reflection.key, Self.reflection.shape.show(reflection)),
                    (Self.webSockets.key, Self.webSockets.shape.show(webSockets)),
                ])
            )
        }
        return Effective(reflection: reflection, takesWebSockets: webSockets == .pass)
    }
}
