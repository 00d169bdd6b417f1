package import GatehouseCore

/// Writes a client's request head as the upstream gets it. Made once for each route; what can be prepared is.
package final class RequestRewrite: Sendable {
    /// The fields that are stripped by name, in trailers too.
    package let strips: StripSet
    let queryNames: [[UInt8]]
    private let upstreamPath: [UInt8]
    /// `Host: …` with its line end; nil when the client's is preserved.
    private let hostLine: [UInt8]?
    private let injects: Injects
    /// Whether bodies and answers are read on the way: Gatehouse itself asks for a body that the client holds back, so that the upstream need not.
    private let isGated: Bool
    /// The bits of the known fields that are dropped.
    private let dropped: UInt64

    /// The parts that are left out of a request because Gatehouse put them in: the tags of values that belong to the caller.
    package struct Untagging: Sendable {
        /// Bytes at the end of `Mcp-Session-Id`.
        package var field = 0
        /// The position of the tag in the query.
        package var query: ByteRange?
        /// The position of the tag at the end of the path.
        package var path: ByteRange?
        package var event = Event.passes
        /// The value of `Mcp-Name` without the tag; empty when the field passes as it came.
        package var name: [UInt8] = []
        /// The length of the body without its tags; nil when it passes as it came.
        package var contentLength: Int?
        /// The span of the request, which stands in place of its sender's; nil where that passes as it came.
        var trace: TraceFields?

        /// The treatment of `Last-Event-ID`.
        package enum Event: Equatable, Sendable {
            case passes
            /// The tag is left out: so many bytes at the end.
            case cut(Int)
            /// The field is dropped, because the event is not the caller's.
            case dropped
        }

        package init(field: Int = 0, query: ByteRange? = nil, path: ByteRange? = nil) {
            self.field = field
            self.query = query
            self.path = path
        }

        fileprivate var fields: UInt64 {
            var bits: UInt64 = 0
            if field > 0 { bits |= KnownField.mcpSessionID.bit }
            if event != .passes { bits |= KnownField.lastEventID.bit }
            if !name.isEmpty { bits |= KnownField.mcpName.bit }
            if contentLength != nil { bits |= KnownField.contentLength.bit }
            if let trace {
                bits |= KnownField.traceparent.bit
                // It is about the trace beside it alone (W3C Trace Context, section 3.3).
                if !trace.keepsState { bits |= KnownField.tracestate.bit }
            }
            return bits
        }
    }

    /// Fields that the rewrite would set, were they not injected.
    private struct Injects: OptionSet, Sendable {
        let rawValue: UInt8
        static let host = Injects(rawValue: 1)
        static let acceptEncoding = Injects(rawValue: 2)
        static let requestID = Injects(rawValue: 4)
        static let traceparent = Injects(rawValue: 8)
    }

    package init(
        injectedNames: [HeaderName],
        strip: Route.Strip,
        upstream: Upstream,
        preservesHost: Bool,
        isGated: Bool = false,
        takesRanges: Bool = true,
        passesOrigin: Bool = false
    ) {
        self.isGated = isGated
        dropped = KnownField.droppedFromRequests & ~(passesOrigin ? KnownField.origin.bit : 0)
        strips = StripSet(names: injectedNames + (takesRanges && !isGated ? [] : Self.ranges), patterns: strip.headers)
        queryNames = strip.query.map { Array($0.utf8) }
        upstreamPath = Array(upstream.path.utf8)
        hostLine = preservesHost ? nil : Array("Host: \(upstream.authority)\r\n".utf8)
        var injects: Injects = []
        for name in injectedNames {
            switch name.folded {
            case "host": injects.insert(.host)
            case "accept-encoding": injects.insert(.acceptEncoding)
            case "x-request-id": injects.insert(.requestID)
            case "traceparent": injects.insert(.traceparent)
            case _: break
            }
        }
        self.injects = injects
    }

    package convenience init(_ route: Route) {
        self.init(
            injectedNames: route.injections.map(\.name),
            strip: route.strip,
            upstream: route.upstream,
            preservesHost: route.preservesHost,
            isGated: route.speech == .mcp,
            takesRanges: route.reflection == .off,
            // The page of connecting asks of each form where it comes from.
            passesOrigin: route.upstream.isConnectPage
        )
    }

    /// The part of an answer that a range leaves (RFC 9110 section 14) is no JSON, so nothing in it could be filtered or bound to its caller; and two
    /// of them would give a secret back in halves, in which it is not found.
    private static let ranges = ["Range", "If-Range"].compactMap { try? HeaderName(parsing: $0) }

    /// The lines that the rewrite itself adds, with room to spare.
    private static let ownLines = 320

    /// Bytes to reserve for ``write(_:bytes:prefixLength:injectedLines:requestID:into:)``.
    package func bound(_ head: RequestHead, injectedCount: Int) -> Int {
        head.length + head.authority.count + upstreamPath.count + (hostLine?.count ?? 0) + injectedCount + Self.ownLines
    }

    /// Writes the head.
    ///
    /// - Returns: its length in bytes, and where the injected lines begin in it.
    /// - Parameters:
    ///   - bytes: those that `head` was parsed from.
    ///   - prefixLength: bytes of the path that the route's prefix covers, as ``RouteTable`` found them.
    ///   - injectedLines: `Name: value` lines with their CRLF, each injected name once.
    ///   - untagging: what is left out of the caller's session.
    ///   - output: at least ``bound(_:injectedCount:)`` bytes.
    package func write(
        _ head: RequestHead,
        bytes: Span<UInt8>,
        prefixLength: Int,
        injectedLines: UnsafeRawBufferPointer,
        requestID: RequestID,
        untagging: Untagging = Untagging(),
        into output: UnsafeMutableRawBufferPointer
    ) -> (count: Int, injectedAt: Int) {
        bytes.withUnsafeBytes { source in
            var writer = HeadWriter(output)
            writeRequestLine(head, source, prefixLength, untagging, &writer)
            if let hostLine {
                if !injects.contains(.host) { writer.append(hostLine) }
            } else if !injects.contains(.host) {
                writer.append("Host: ")
                writer.append(source, head.authority.lower, head.authority.upper)
                writer.append("\r\n")
            }
            writeFields(head, bytes, source, untagging, &writer)
            let injectedAt = writer.count
            writer.append(injectedLines)
            writeOwnLines(head, requestID, untagging.trace, &writer)
            return (writer.count, injectedAt)
        }
    }

    private func writeRequestLine(
        _ head: RequestHead,
        _ source: UnsafeRawBufferPointer,
        _ prefixLength: Int,
        _ untagging: Untagging,
        _ writer: inout HeadWriter
    ) {
        precondition(prefixLength >= 0 && prefixLength <= head.path.count, "a route's prefix lies within the path")
        writer.append(source, head.method.lower, head.method.upper)
        writer.append(0x20)
        writer.append(upstreamPath)
        let rest = head.path.lower + prefixLength
        if rest == head.path.upper, upstreamPath.isEmpty { writer.append(0x2F) }
        writer.append(source, rest, untagging.path.map { max(rest, $0.lower) } ?? head.path.upper)
        if let query = head.query { writeQuery(query, source, untagging.query, &writer) }
        writer.append(" HTTP/1.1\r\n")
    }

    /// Copies the lines that pass, as they came, in runs as long as possible.
    private func writeFields(
        _ head: RequestHead,
        _ bytes: Span<UInt8>,
        _ source: UnsafeRawBufferPointer,
        _ untagging: Untagging,
        _ writer: inout HeadWriter
    ) {
        let special =
            KnownField.cookie.bit | untagging.fields | (head.isFramedPlainly ? 0 : Self.framing)
        var run = head.length &- 2
        if let first = head.fields.first { run = first.name.lower }
        let count = head.fields.count
        for index in 0..<count {
            let field = head.fields[index]
            let isSpecial = field.known.bit & special != 0
            guard drops(field, bytes) || isSpecial else { continue }
            let next = index &+ 1 < count ? head.fields[index &+ 1].name.lower : head.length &- 2
            if !isSpecial || drops(field, bytes) {
                writer.append(source, run, field.name.lower)
            } else if field.known != .cookie {
                writeAnew(field, source, run, untagging, head.framing, &writer)
            } else {
                guard let kept = keptCookies(field, source) else { continue }
                writer.append(source, run, field.name.lower)
                if kept { writeCookies(field, source, &writer) }
            }
            run = next
        }
        writer.append(source, run, head.length &- 2)
    }

    private static var framing: UInt64 { KnownField.contentLength.bit | KnownField.transferEncoding.bit }

    /// Writes the head up to a field, and the field without the tag in it, or as its plain form.
    private func writeAnew(
        _ field: Field,
        _ source: UnsafeRawBufferPointer,
        _ run: Int,
        _ untagging: Untagging,
        _ framing: BodyFraming,
        _ writer: inout HeadWriter
    ) {
        switch field.known {
        case .mcpSessionID: writer.append(source, run, max(field.value.lower, field.value.upper - untagging.field))
        case .lastEventID:
            guard case .cut(let tag) = untagging.event else { return writer.append(source, run, field.name.lower) }
            writer.append(source, run, max(field.value.lower, field.value.upper - tag))
        case .mcpName:
            writer.append(source, run, field.value.lower)
            writer.append(untagging.name)
        case .traceparent, .tracestate: return writer.append(source, run, field.name.lower)
        case .transferEncoding:
            writer.append(source, run, field.name.upper)
            writer.append(": chunked")
        case _:
            var length = untagging.contentLength ?? 0
            if untagging.contentLength == nil, case .length(let own) = framing { length = own }
            writer.append(source, run, field.name.upper)
            writer.append(": ")
            writer.append(decimal: length)
        }
        writer.append("\r\n")
    }

    @inline(__always)
    private func drops(_ field: Field, _ bytes: Span<UInt8>) -> Bool {
        if field.known.bit & dropped != 0 || field.isNominated { return true }
        if field.known == .expect, isGated { return true }
        // A route cannot strip what frames the message.
        if field.known.bit & Self.framing != 0 { return false }
        return strips.contains(field.name, in: bytes)
    }

    private func writeOwnLines(
        _ head: RequestHead,
        _ requestID: RequestID,
        _ trace: TraceFields?,
        _ writer: inout HeadWriter
    ) {
        if !injects.contains(.acceptEncoding) { writer.append("Accept-Encoding: identity\r\n") }
        if trace != nil || !head.has(.traceparent), !injects.contains(.traceparent) {
            // W3C Trace Context, section 3.2: version, trace id, parent id, flags.
            let own = trace?.own ?? RequestTrace(of: requestID)
            writer.append("traceparent: 00-")
            writer.append(hex: own.trace.high)
            writer.append(hex: own.trace.low)
            writer.append(0x2D)
            writer.append(hex: own.span.number)
            writer.append("-0")
            writer.append(0x30 | own.flags)
            writer.append("\r\n")
        }
        if head.isWebSocketUpgrade { writer.append("Connection: Upgrade\r\nUpgrade: websocket\r\n") }
        if !injects.contains(.requestID) {
            writer.append("X-Request-Id: ")
            writer.append(requestID)
            writer.append("\r\n")
        }
        writer.append("\r\n")
    }
}
