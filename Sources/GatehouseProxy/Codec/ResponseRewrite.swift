package import GatehouseCore

/// Writes an upstream's response head as the client gets it. Made once for each route.
package final class ResponseRewrite: Sendable {
    /// The statement of a head about the client's connection.
    package enum Persistence: Sendable {
        /// Nothing: HTTP/1.1 stays open.
        case implied
        case close
        /// `Connection: keep-alive`, for an HTTP/1.0 client that asked for it.
        case keepAlive
    }

    let upstreamAuthority: [UInt8]
    let upstreamPath: [UInt8]
    /// `https://`, what the public speaks with Cloudflare.
    let publicScheme: [UInt8]
    /// The route's prefix; empty for `/`.
    let publicPath: [UInt8]
    /// Whether Gatehouse speaks to browsers for the upstream: two answers about one origin would be none.
    let ownsCORS: Bool

    /// Whether the upstream gets the public `Host`.
    let preservesHost: Bool

    package init(
        upstream: Upstream,
        prefix: PathPrefix,
        publicScheme: String = "https",
        ownsCORS: Bool = false,
        preservesHost: Bool = false
    ) {
        upstreamAuthority = Array(upstream.authority.utf8)
        upstreamPath = Array(upstream.path.utf8)
        self.publicScheme = Array("\(publicScheme)://".utf8)
        publicPath = prefix == .root ? [] : Array(prefix.text.utf8)
        self.ownsCORS = ownsCORS
        self.preservesHost = preservesHost
    }

    package convenience init(_ route: Route) {
        self.init(
            upstream: route.upstream,
            prefix: route.path,
            ownsCORS: route.cors != nil,
            preservesHost: route.preservesHost
        )
    }

    /// The lines that the rewrite itself adds, with room to spare.
    private static let ownLines = 320

    /// Bytes to reserve for ``write(_:bytes:framing:persistence:requestID:publicAuthority:into:)``.
    package func bound(_ head: ResponseHead, publicAuthorityCount: Int, extraCount: Int = 0) -> Int {
        // Each of possibly several Location fields may grow.
        let locations = head.location == nil ? 0 : head.fields.count { $0.known == .location }
        return head.length + locations * (publicScheme.count + publicAuthorityCount + publicPath.count) + Self.ownLines
            + extraCount
    }

    /// Writes the head and returns its length in bytes. For interim responses (1xx) too.
    ///
    /// - Parameters:
    ///   - bytes: those that `head` was parsed from.
    ///   - framing: how the body will be sent to the client, which may be another way than it comes.
    ///   - extra: lines that are added to it.
    ///   - publicAuthority: `Host` of the request, which replaces the upstream's own authority in `Location`.
    ///   - sessionTag: what is put behind `Mcp-Session-Id`, which stands once.
    ///   - output: at least ``bound(_:publicAuthorityCount:)`` bytes, and room for the tag.
    package func write(
        _ head: ResponseHead,
        bytes: Span<UInt8>,
        framing: BodyFraming,
        persistence: Persistence = .implied,
        requestID: RequestID,
        extra: [UInt8] = [],
        publicAuthority: UnsafeRawBufferPointer,
        sessionTag: ArraySlice<UInt8> = [],
        into output: UnsafeMutableRawBufferPointer
    ) -> Int {
        bytes.withUnsafeBytes { source in
            var writer = HeadWriter(output)
            writer.append("HTTP/1.1 ")
            writer.append(decimal: head.status)
            writer.append(0x20)
            writer.append(source, head.reasonPhrase.lower, head.reasonPhrase.upper)
            writer.append("\r\n")
            let joinsCacheControl = head.isEventStream && !forbidsTransform(head, bytes)
            writeFields(head, source, publicAuthority, sessionTag, joinsCacheControl: joinsCacheControl, &writer)
            if head.isEventStream {
                if joinsCacheControl, !head.has(.cacheControl) { writer.append("Cache-Control: no-transform\r\n") }
                if !head.has(.xAccelBuffering) { writer.append("X-Accel-Buffering: no\r\n") }
            }
            writeFraming(head, framing, &writer)
            if head.isUpgrade {
                writer.append("Connection: Upgrade\r\n")
            } else if head.status >= 200 {
                switch persistence {
                case .implied: break
                case .close: writer.append("Connection: close\r\n")
                case .keepAlive: writer.append("Connection: keep-alive\r\n")
                }
            }
            if head.status >= 200 { writer.append(extra) }
            writer.append("X-Request-Id: ")
            writer.append(requestID)
            writer.append("\r\n\r\n")
            return writer.count
        }
    }

    /// Copies the lines that pass, as they came, in runs as long as possible.
    private func writeFields(
        _ head: ResponseHead,
        _ source: UnsafeRawBufferPointer,
        _ publicAuthority: UnsafeRawBufferPointer,
        _ sessionTag: ArraySlice<UInt8>,
        joinsCacheControl: Bool,
        _ writer: inout HeadWriter
    ) {
        var dropped = KnownField.droppedFromResponses
        if head.isUpgrade { dropped &= ~KnownField.upgrade.bit }
        if ownsCORS { dropped |= KnownField.accessControl.bit }
        // `Content-Length` without a body (RFC 9110 section 8.6): a 204 or 1xx must not have it, a 304 and the answer to HEAD may.
        if head.framing == .none, head.status >= 200, head.status != 204 { dropped &= ~KnownField.contentLength.bit }
        var special = KnownField.location.bit
        var joins = joinsCacheControl
        if joins { special |= KnownField.cacheControl.bit }
        if !sessionTag.isEmpty { special |= KnownField.mcpSessionID.bit }
        var run = head.fields.first?.name.lower ?? head.length &- 2
        let count = head.fields.count
        for index in 0..<count {
            let field = head.fields[index]
            let drops = field.known.bit & dropped != 0 || field.isNominated
            guard drops || field.known.bit & special != 0 else { continue }
            if drops {
                writer.append(source, run, field.name.lower)
            } else if field.known == .location {
                guard let location = ownLocation(field.value, source, publicAuthority) else { continue }
                writer.append(source, run, field.value.lower)
                writeLocation(location, publicAuthority, source, &writer)
                writer.append("\r\n")
            } else if field.known == .mcpSessionID {
                writer.append(source, run, field.value.upper)
                sessionTag.withUnsafeBytes { writer.append($0) }
                writer.append("\r\n")
            } else {
                guard joins else { continue }
                joins = false
                writer.append(source, run, field.value.upper)
                writer.append(field.value.isEmpty ? "no-transform\r\n" : ", no-transform\r\n")
            }
            run = index &+ 1 < count ? head.fields[index &+ 1].name.lower : head.length &- 2
        }
        writer.append(source, run, head.length &- 2)
    }

    private func writeFraming(_ head: ResponseHead, _ framing: BodyFraming, _ writer: inout HeadWriter) {
        switch framing {
        case .none, .untilClose: break
        case .chunked: writer.append("Transfer-Encoding: chunked\r\n")
        case .length(let length):
            guard head.framing != .none else { return }
            writer.append("Content-Length: ")
            writer.append(decimal: length)
            writer.append("\r\n")
        }
    }

    /// Whether a `Cache-Control` has the directive `no-transform` (RFC 9111 section 5.2.2.6).
    private func forbidsTransform(_ head: ResponseHead, _ bytes: Span<UInt8>) -> Bool {
        guard head.has(.cacheControl) else { return false }
        for field in head.fields where field.known == .cacheControl && !field.isNominated {
            var at = field.value.lower
            while at < field.value.upper {
                let comma = ByteScan.first(0x2C, bytes, from: at, to: field.value.upper)
                var lower = at
                var upper = comma
                while lower < upper, bytes[lower] == 0x20 || bytes[lower] == 0x09 { lower &+= 1 }
                while lower < upper, bytes[upper &- 1] == 0x20 || bytes[upper &- 1] == 0x09 { upper &-= 1 }
                if bytes.equalsIgnoringCase(ByteRange(lower, upper), "no-transform") { return true }
                at = comma &+ 1
            }
        }
        return false
    }
}
