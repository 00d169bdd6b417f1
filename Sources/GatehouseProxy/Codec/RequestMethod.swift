/// The methods that mean something to the gateway.
package enum RequestMethod: Sendable {
    case get, head, post, delete, options
    /// `TRACE` and `TRACK`, whose answer holds the fields of the request and so the injected token, and `CONNECT`, which asks for a
    /// tunnel. In any case: some servers read methods so.
    case neverForwarded
    /// Any other method, also one of the first five in another case: methods are case-sensitive (RFC 9110 section 9.1).
    case other

    /// The method promises to change nothing (RFC 9110 section 9.2.1), so the request may be sent twice.
    package var isSafe: Bool {
        switch self {
        case .get, .head, .options: true
        case .post, .delete, .neverForwarded, .other: false
        }
    }

    /// - Parameter bytes: those that `head` was parsed from.
    package init(_ head: RequestHead, in bytes: Span<UInt8>) {
        switch head.method.count {
        case 3 where head.isMethod("GET", in: bytes): self = .get
        case 4 where head.isMethod("POST", in: bytes): self = .post
        case 4 where head.isMethod("HEAD", in: bytes): self = .head
        case 6 where head.isMethod("DELETE", in: bytes): self = .delete
        case 7 where head.isMethod("OPTIONS", in: bytes): self = .options
        case 5 where bytes.equalsIgnoringCase(head.method, "trace") || bytes.equalsIgnoringCase(head.method, "track"):
            self = .neverForwarded
        case 7 where bytes.equalsIgnoringCase(head.method, "connect"): self = .neverForwarded
        case _: self = .other
        }
    }
}
