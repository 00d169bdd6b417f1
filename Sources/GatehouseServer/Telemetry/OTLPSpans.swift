internal import Crypto
internal import GatehouseCore

/// Spans as an `ExportTraceServiceRequest`.
struct OTLPSpans: Sendable {
    let text: OTLPText
    /// The key of the digests of principals.
    let key: Secret

    /// Bytes of a principal's digest.
    private static let digestLength = 16

    func message(_ spans: some Sequence<Span>) -> [UInt8] {
        let key = key.withUnsafeBytes { SymmetricKey(data: $0) }
        // A caller makes many requests.
        var digests: [ObjectIdentifier: String] = [:]
        func digest(of caller: Caller) -> String {
            if let known = digests[ObjectIdentifier(caller)] { return known }
            let digest = Self.digest(of: caller.principal, key)
            digests[ObjectIdentifier(caller)] = digest
            return digest
        }
        return text.message("Spans", "spans") { list in
            for span in spans {
                list.object { write(span, principal: span.caller.map(digest(of:)), to: &$0) }
            }
        }
    }

    /// Equal for one principal as long as the key is the same, and opened by nobody: an address is soon guessed, the key is not.
    static func digest(of principal: Principal, _ key: SymmetricKey) -> String {
        let text = Array("\(principal.kind.rawValue)\u{0}\(principal.identity)".utf8)
        return Hex.encode(HMAC<SHA256>.authenticationCode(for: text, using: key).prefix(digestLength))
    }

    private func write(_ span: Span, principal: String?, to json: inout JSONText) {
        json.string("traceId", "\(span.trace.trace)")
        json.string("spanId", "\(span.trace.span)")
        if let parent = span.trace.parent { json.string("parentSpanId", "\(parent)") }
        // Bits 8 and 9: the parent is another process's.
        json.number("flags", UInt32(span.trace.flags) | (span.trace.parent == nil ? 0x100 : 0x300))
        json.string("name", Self.name(span))
        json.number("kind", 2)
        json.nanoseconds("startTimeUnixNano", span.startedAt)
        json.nanoseconds("endTimeUnixNano", span.startedAt + span.duration)
        json.array("attributes") { attributes(span, principal, &$0) }
        // An error is what failed here or behind; a refusal is an answer (semantic conventions of HTTP, "Status").
        guard span.isError else { return }
        json.object("status") { status in
            status.number("code", 2)
            if let reason = span.refusal { status.string("message", reason.rawValue) }
        }
    }

    /// The method and, of a call, the tool or prompt: few values, as the conventions of MCP have it.
    private static func name(_ span: Span) -> String {
        guard !span.method.isEmpty else { return span.httpMethod + (span.route.map { " \($0.text)" } ?? "") }
        guard span.messages == 1 else { return "batch" + (span.route.map { " \($0.text)" } ?? "") }
        let isCall = span.method == "tools/call" || span.method == "prompts/get"
        return isCall && !span.target.isEmpty ? "\(span.method) \(span.target)" : span.method
    }

    private func attributes(_ span: Span, _ principal: String?, _ list: inout JSONText) {
        func text(_ key: String, _ value: String?) { if let value, !value.isEmpty { list.attribute(key, value) } }
        func number(_ key: String, _ value: Int64) { if value != 0 { list.attribute(key, value) } }
        text("gatehouse.request_id", "\(span.requestID)")
        text("gatehouse.route", span.route?.text)
        text("gatehouse.decision", span.refusal?.followsAllow ?? true ? "allow" : "deny")
        text("gatehouse.reason", span.refusal?.rawValue)
        text("gatehouse.principal_kind", span.caller?.principal.kind.rawValue)
        text("gatehouse.principal", principal)
        text("gatehouse.target", span.target)
        if span.messages > 1 { number("gatehouse.messages", Int64(span.messages)) }
        number("gatehouse.upstream_status", Int64(span.upstreamStatus))
        number("gatehouse.upstream_us", span.upstreamMicroseconds)
        text("gatehouse.rpc_error", span.rpcError)
        text("gatehouse.ended", span.ending?.rawValue)
        text("http.request.method", span.httpMethod)
        number("http.response.status_code", Int64(span.status))
        text("mcp.method.name", span.method)
        if span.method == "tools/call" { text("gen_ai.tool.name", span.target) }
        if span.isError { text("error.type", span.refusal?.rawValue ?? "\(span.status)") }
    }
}

extension Span {
    fileprivate var isError: Bool { status >= 500 || refusal?.followsAllow ?? false }
}
