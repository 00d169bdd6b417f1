internal import GatehouseCore
internal import NIOCore

/// Before step 3: what Gatehouse answers itself and to everybody.
extension ClientConnection {
    /// The route whose metadata is asked for: it is found by the path of the resource, not by the path that was asked.
    func metadataRoute() -> (route: Int, prefix: Int)? {
        let head = parser.head
        return withHeadBytes(head.path) { path in
            guard let rest = WellKnown.resourcePath(path) else { return nil }
            let match = withHeadBytes(head.host) { host in
                let root: StaticString = "/"
                return root.withUTF8Buffer { root in
                    loop.snapshot.table.route(host: host, path: rest.isEmpty ? UnsafeRawBufferPointer(root) : rest)
                }
            }
            guard let match, loop.snapshot.routes[match.route].metadata != nil else { return nil }
            return (match.route, 0)
        }
    }

    /// What is answered without an assertion, if the request asks for that.
    func seekPublicAnswer() -> ExchangeAction {
        guard let route = exchange?.route else { preconditionFailure("what is public is a route's") }
        return machine.publicAnswerSought(publicAnswer(on: route))
    }

    private func publicAnswer(on route: PreparedRoute) -> ExchangeMachine.PublicAnswer {
        if let cors = route.route.cors, let origin = parser.head.origin,
            let position = withHeadBytes(origin, { cors.position(of: $0) })
        {
            exchange?.crossOrigin = route.crossOrigins[position]
        }
        let isOptions = exchange?.isOPTIONS ?? false
        if withHeadBytes(parser.head.path, { WellKnown.contains($0, prefix: exchange?.prefix ?? 0) }) {
            return wellKnown(route, isOptions: isOptions)
        }
        guard isOptions, route.route.cors != nil, parser.head.origin != nil, let asked = preflight() else {
            return .none
        }
        guard let crossOrigin = exchange?.crossOrigin else { return .refused(.originDenied) }
        exchange?.ownAnswer = .preflight(withHeadBytes(asked.fields) { crossOrigin.preflight(asked: $0) })
        return .found
    }

    private func wellKnown(_ route: PreparedRoute, isOptions: Bool) -> ExchangeMachine.PublicAnswer {
        guard let metadata = route.metadata, withHeadBytes(parser.head.path, { WellKnown.resourcePath($0) != nil })
        else { return .refused(.routeUnknown) }
        // Everyone may read it, from any page.
        if isOptions, let asked = preflight() {
            let lines = withHeadBytes(asked.fields) { CrossOrigin.publicPreflight(asked: $0) }
            exchange?.ownAnswer = .preflight(lines)
        } else if exchange?.isSafe == true, !isOptions {
            exchange?.ownAnswer = .document(metadata, lines: Array(CrossOrigin.publicGrant.utf8))
        } else {
            return .refused(.routeUnknown)
        }
        return .found
    }

    private struct Preflight {
        /// The fields that the page wants to send.
        let fields: ByteRange?
    }

    /// Nil when the request is none: it names no method.
    private func preflight() -> Preflight? {
        let received = inbound
        let bytes = received.readableBytesUInt8Span
        var fields: ByteRange?
        var hasMethod = false
        for field in parser.head.fields where field.known == .accessControl {
            if bytes.equalsIgnoringCase(field.name, "access-control-request-method") { hasMethod = true }
            if bytes.equalsIgnoringCase(field.name, "access-control-request-headers") { fields = field.value }
        }
        return hasMethod ? Preflight(fields: fields) : nil
    }

    /// Writes Gatehouse's own answer. Recorded like a forwarded request, but nothing depends on the record: nothing was given away.
    func answerPublicly(close: Bool) -> ExchangeAction {
        guard let exchange, let answer = exchange.ownAnswer else { return .wait }
        exchange.status = answer.status
        record(.decision)
        inbound.moveReaderIndex(forwardBy: parser.head.length)
        hasHead = false
        let closes = close || machine.refusalCloses(remaining: requestBody.remaining)
        var bytes = loop.answerHeads.take(capacity: answer.bound)
        bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: answer.bound) { output in
            answer.write(
                requestID: exchange.id,
                persistence: closes ? .close : exchange.version == .http10 ? .keepAlive : .implied,
                isHEAD: exchange.isHead,
                into: output
            )
        }
        loop.answerHeads.keep(bytes)
        write(bytes)
        wait(atMost: Self.lingerTimeout)
        return machine.refusalWritten(remaining: requestBody.remaining)
    }
}
