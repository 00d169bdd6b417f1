import GatehouseCore
@testable import GatehouseProxy
import GatehouseTestSupport

/// Heads and bodies, held against llhttp (``HTTPOracle``), against themselves in other parts, and against what is then written.
enum CodecTarget {
    private static let rewrite = given {
        RequestRewrite(
            injectedNames: [try HeaderName(parsing: "X-Api-Key")],
            strip: Route.Strip(headers: [try HeaderPattern(parsing: "X-Coda-*")], query: ["key"]),
            upstream: try Upstream(parsing: "http://up/v1"),
            preservesHost: false
        )
    }
    private static let responseRewrite = given {
        try ResponseRewrite(upstream: Upstream(parsing: "http://up:8080/v1"), prefix: PathPrefix(parsing: "/c"))
    }
    private static let requestID = RequestID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)
    private static var nothing: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

    /// A body that is alone: behind a head that frames it in chunks.
    static func chunks(_ body: [UInt8]) throws(Finding) -> Bool {
        let request = Array("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
        let response = Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
        let first = try Self.request(request + body)
        return try Self.response(response + body) || first
    }

    // MARK: - Requests

    /// - Returns: whether the message is whole.
    static func request(_ raw: [UInt8]) throws(Finding) -> Bool {
        var random = SplitMix(of: raw)
        var parser = RequestHeadParser()
        let progress = parser.parse(raw.span)
        let head = parser.head
        var second = RequestHeadParser()
        let other = inParts(raw.count, &random) { second.parse(raw.span.extracting(..<$0)) }
        try hold(isSame(progress, other), "in parts \(other), whole \(progress)")
        guard progress == .complete else {
            guard progress == .incomplete else { return false }
            try compare(HTTPMessage(), HTTPOracle.request(raw, ending: nil))
            return false
        }
        try hold(facts(head) == facts(second.head), "a head in parts is read otherwise")
        try checkForwarded(head, raw)
        let body = raw[head.length...]
        let filter = TrailerFilter(rewrite)
        let read = try BodyReading(body, head.framing, filter) { max(1, body.count) }
        try compare(read, try BodyReading(body, head.framing, filter) { Int.random(in: 1...20, using: &random) })
        var message = HTTPMessage(head, raw)
        message.take(read, behind: head.length)
        guard !message.isBeyondComparison, message.state != .refused else { return false }
        try compare(message, HTTPOracle.request(raw, ending: message.end))
        return message.state == .complete
    }

    /// The head that goes upstream is itself one that Gatehouse would accept, framed as the client's, with nothing left in it that is Gatehouse's.
    private static func checkForwarded(_ head: RequestHead, _ raw: [UInt8]) throws(Finding) {
        var output = [UInt8](repeating: 0xEE, count: rewrite.bound(head, injectedCount: 0))
        let count = output.withUnsafeMutableBytes { output in
            rewrite.write(
                head,
                bytes: raw.span,
                prefixLength: 0,
                injectedLines: nothing,
                requestID: requestID,
                into: output
            ).count
        }
        let written = Array(output[..<count])
        var parser = RequestHeadParser(
            limits: HeadLimits(maximumFields: 110, maximumHeadBytes: 64 << 10, maximumTarget: 9000)
        )
        try hold(parser.parse(written.span) == .complete, "what is forwarded is no head: \(text(written))")
        try hold(parser.head.length == written.count, "what is forwarded is more than a head: \(text(written))")
        try hold(parser.head.framing == head.framing, "what is forwarded is framed otherwise: \(text(written))")
        try hold(parser.head.assertion == .missing, "an assertion is forwarded: \(text(written))")
        for known in [KnownField.authorization, .accessOther, .proxy, .shadow, .origin, .keepAlive, .te] {
            try hold(!parser.head.has(known), "\(known) is forwarded: \(text(written))")
        }
    }

    private static func facts(_ head: RequestHead) -> [Int] {
        var facts = [head.length, head.version == .http11 ? 1 : 0, number(head.framing), head.fields.count]
        func add(_ range: ByteRange?) { facts += range.map { [$0.lower, $0.upper] } ?? [-1] }
        for range in [head.method, head.target, head.path, head.query, head.authority, head.host, head.origin] {
            add(range)
        }
        for range in [head.cfRay, head.cfConnectingIP] { add(range) }
        for flag in [head.isKeepAlive, head.expectsContinue, head.isWebSocketUpgrade] { facts.append(flag ? 1 : 0) }
        switch head.assertion {
        case .missing: add(nil)
        case .one(let range): add(range)
        case .duplicate: facts.append(-2)
        }
        for field in head.fields {
            add(field.name)
            add(field.value)
            facts += [Int(field.known.rawValue), field.isNominated ? 1 : 0]
        }
        return facts
    }

    // MARK: - Responses

    static func response(_ raw: [UInt8]) throws(Finding) -> Bool {
        var random = SplitMix(of: raw)
        var parser = ResponseHeadParser()
        let progress = parser.parse(raw.span)
        let head = parser.head
        var second = ResponseHeadParser()
        let other = inParts(raw.count, &random) { second.parse(raw.span.extracting(..<$0)) }
        try hold(isSame(progress, other), "in parts \(other), whole \(progress)")
        guard progress == .complete else {
            guard progress == .incomplete else { return false }
            try compare(HTTPMessage(), HTTPOracle.response(raw, ending: nil))
            return false
        }
        try hold(
            head.length == second.head.length && head.status == second.head.status
                && head.framing == second.head.framing && head.fields.count == second.head.fields.count,
            "a head in parts is read otherwise"
        )
        try checkReturned(head, raw)
        let body = raw[head.length...]
        let read = try BodyReading(body, head.framing, .response) { max(1, body.count) }
        try compare(read, try BodyReading(body, head.framing, .response) { Int.random(in: 1...20, using: &random) })
        var message = HTTPMessage(head, raw)
        message.take(read, behind: head.length)
        guard !message.isBeyondComparison, message.state != .refused else { return false }
        try compare(message, HTTPOracle.response(raw, ending: message.end))
        return message.state == .complete
    }

    private static func checkReturned(_ head: ResponseHead, _ raw: [UInt8]) throws(Finding) {
        var output = [UInt8](repeating: 0xEE, count: responseRewrite.bound(head, publicAuthorityCount: 0))
        let count = output.withUnsafeMutableBytes { output in
            responseRewrite.write(
                head,
                bytes: raw.span,
                framing: head.framing,
                requestID: requestID,
                publicAuthority: nothing,
                into: output
            )
        }
        let written = Array(output[..<count])
        var parser = ResponseHeadParser()
        try hold(parser.parse(written.span) == .complete, "what is returned is no head: \(text(written))")
        try hold(parser.head.length == written.count, "what is returned is more than a head: \(text(written))")
        try hold(
            parser.head.framing == head.framing && parser.head.status == head.status,
            "what is returned is another answer: \(text(written))"
        )
    }

    // MARK: - Comparing

    private static func number(_ framing: BodyFraming) -> Int {
        switch framing {
        case .none: -1
        case .length(let length): length
        case .chunked: -2
        case .untilClose: -3
        }
    }

    /// Reads a head of which a few bytes more come each time.
    private static func inParts(
        _ whole: Int,
        _ random: inout SplitMix,
        _ read: (_ count: Int) -> HeadProgress
    ) -> HeadProgress {
        var count = 0
        var progress = read(count)
        while progress == .incomplete, count < whole {
            count = min(whole, count + Int.random(in: 1...20, using: &random))
            progress = read(count)
        }
        return progress
    }

    /// The reason may be another where two limits are passed at once.
    private static func isSame(_ one: HeadProgress, _ other: HeadProgress) -> Bool {
        switch (one, other) {
        case (.complete, .complete), (.incomplete, .incomplete), (.refused, .refused): true
        case _: false
        }
    }

    private static func compare(_ whole: BodyReading, _ parts: BodyReading) throws(Finding) {
        if case .refused = whole.state, case .refused = parts.state { return }
        // Of a line that is not whole yet the filter has written nothing, wherever its parts end.
        try hold(whole == parts, "a body in parts is read otherwise: \(whole), \(parts)")
    }

    private static func compare(_ ours: HTTPMessage, _ theirs: @autoclosure () throws -> HTTPMessage) throws(Finding) {
        let theirs = given(theirs)
        if ours.state == .complete {
            try hold(theirs.description == ours.description, "here \(ours), llhttp \(theirs)")
        } else {
            try hold(theirs.state != .complete, "here a message is not whole, in llhttp it is: \(theirs)")
        }
    }
}
