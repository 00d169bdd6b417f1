internal import NIOCore

/// A request about which another proxy asks before it forwards it itself: nginx's `auth_request`, Caddy's `forward_auth`, Traefik's `ForwardAuth`. Its
/// question has the client's header fields; method, host and target stand in fields that the proxy sets.
///
/// The head is put together again as the client sent it, so that it is parsed and judged as if it had come here. Its body is not there.
enum AskedRequest {
    /// The one path on which questions are taken. Caddy adds the query of the request that it asks about.
    static let path: StaticString = "/verify"

    /// - Returns: nil for what is no question: another method or target, a body, or a field of the proxy's that is missing or stands there twice. A
    ///   proxy that adds its field to one of the client's, in place of setting it, asks nothing.
    static func head(of inbound: borrowing InboundBytes) -> ByteBuffer? {
        let head = inbound.head
        let received = inbound.bytes
        let bytes = received.readableBytesUInt8Span
        guard head.framing == .none || head.framing == .length(0), head.isMethod("GET", in: bytes),
            inbound.withBytes(head.path, { asked in path.withUTF8Buffer { asked.elementsEqual($0) } })
        else { return nil }
        var (method, host) = (FieldOccurrence.missing, FieldOccurrence.missing)
        var uris: [ByteRange] = []
        var others: [Field] = []
        for field in head.fields {
            if bytes.equalsIgnoringCase(field.name, "x-forwarded-method") {
                method.add(field.value, in: bytes)
            } else if bytes.equalsIgnoringCase(field.name, "x-forwarded-host") {
                host.add(field.value, in: bytes)
            } else if bytes.equalsIgnoringCase(field.name, "x-forwarded-uri") {
                // A query may hold commas. White space, as between two that were joined, is refused by the parser.
                uris.append(field.value)
            } else if !isOfTheQuestion(field.known) {
                others.append(field)
            }
        }
        guard case .one(let method) = method, case .one(let host) = host, uris.count == 1 else { return nil }
        var asked = ByteBuffer()
        asked.reserveCapacity(head.length)
        func write(_ range: ByteRange) { inbound.withBytes(range) { _ = asked.writeBytes($0) } }
        write(method)
        asked.writeStaticString(" ")
        write(uris[0])
        asked.writeStaticString(head.version == .http11 ? " HTTP/1.1\r\nHost: " : " HTTP/1.0\r\nHost: ")
        write(host)
        for field in others {
            asked.writeStaticString("\r\n")
            write(field.name)
            asked.writeStaticString(": ")
            write(field.value)
        }
        asked.writeStaticString("\r\n\r\n")
        return asked
    }

    /// Fields that say how the question itself is framed and addressed.
    private static func isOfTheQuestion(_ known: KnownField) -> Bool {
        switch known {
        case .host, .contentLength, .transferEncoding, .expect, .trailer: true
        case _: false
        }
    }
}
