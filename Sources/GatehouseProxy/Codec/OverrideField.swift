/// The fields that say what the request line says, and may say it otherwise. Servers take the path or the method from them in the belief
/// that a proxy of their own has set them; none stands between the edge and the upstream, so only a client can have.
enum OverrideField {
    /// Beginnings of names, `-`, `_` and `.` alike: IIS, Symfony and Zend (`X-Original-URL`, `X-Rewrite-URL`, `X-Override-URL`), nginx's and
    /// Envoy's authorization (`X-Original-URI`, `X-Original-Method`, `X-Envoy-Original-Path`), Rails, Express, Django and Laravel
    /// (`X-HTTP-Method*`, `X-Method*`).
    private static let prefixes: [StaticString] = [
        "x-original-", "x-rewrite-", "x-override-", "x-http-method", "x-method", "x-envoy-original-",
    ]
    /// Whole names: Traefik's and Caddy's (`X-Forwarded-Uri`, `X-Forwarded-Method`), Spring's and ASP.NET's (`X-Forwarded-Prefix`, which
    /// becomes a part of the path), gunicorn's (`SCRIPT_NAME`, which it takes off the path, from every client on loopback).
    private static let names: [StaticString] = [
        "x-forwarded-uri", "x-forwarded-url", "x-forwarded-path", "x-forwarded-method", "x-forwarded-prefix",
        "x-script-name",
        "x-forwarded-script-name", "script-name", "path-info", "request-uri", "request-method",
    ]

    /// Whether the name of a field is one of these, in any case.
    static func isOne(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> Bool {
        // x, s, p, r.
        switch bytes[start] | 0x20 {
        case 0x78:
            for prefix in prefixes where KnownField.hasPrefix(bytes, start, count, prefix) { return true }
        case 0x73, 0x70, 0x72: break
        case _: return false
        }
        for name in names
        where count == name.utf8CodeUnitCount && KnownField.hasPrefix(bytes, start, count, name) { return true }
        return false
    }
}
