/// The fields that say what the request line says, and may say it otherwise. Servers take the path or the method from them in the belief
/// that a proxy of their own has set them; none stands between the edge and the upstream, so only a client can have.
enum OverrideField {
    /// Whether the name of a field, in any case and with `-`, `_` and `.` alike, is one of these. Every unknown field is looked up, so a letter and a
    /// length exclude most names before a text is compared.
    ///
    /// Beginnings of names: IIS, Symfony and Zend (`X-Original-URL`, `X-Rewrite-URL`, `X-Override-URL`), nginx's and Envoy's authorization
    /// (`X-Original-URI`, `X-Original-Method`, `X-Envoy-Original-Path`), Rails, Express, Django and Laravel (`X-HTTP-Method*`, `X-Method*`).
    ///
    /// Whole names: Traefik's and Caddy's (`X-Forwarded-Uri`, `X-Forwarded-Method`), Spring's and ASP.NET's (`X-Forwarded-Prefix`, which
    /// becomes a part of the path), gunicorn's (`SCRIPT_NAME`, which it takes off the path, from every client on loopback).
    static func isOne(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> Bool {
        func begins(_ prefix: StaticString) -> Bool { KnownField.hasPrefix(bytes, start, count, prefix) }
        guard count >= 8 else { return false }
        switch (bytes[start] | 0x20, count) {
        case (0x78, _):
            switch bytes[start &+ 2] | 0x20 {
            case 0x6F: return begins("x-original-") || begins("x-override-")
            case 0x72: return begins("x-rewrite-")
            case 0x68: return begins("x-http-method")
            case 0x6D: return begins("x-method")
            case 0x65: return begins("x-envoy-original-")
            case 0x73: return count == 13 && begins("x-script-name")
            case 0x66: return begins("x-forwarded-") && isForwarded(bytes, start, count)
            case _: return false
            }
        case (0x73, 11): return begins("script-name")
        case (0x70, 9): return begins("path-info")
        case (0x72, 11): return begins("request-uri")
        case (0x72, 14): return begins("request-method")
        case _: return false
        }
    }

    private static func isForwarded(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> Bool {
        func rest(_ name: StaticString) -> Bool { KnownField.hasPrefix(bytes, start &+ 12, count &- 12, name) }
        switch count {
        case 15: return rest("uri") || rest("url")
        case 16: return rest("path")
        case 18: return rest("method") || rest("prefix")
        case 23: return rest("script-name")
        case _: return false
        }
    }
}
