import GatehouseCore
import GatehouseMCP
import NIOCore
import SocketLoop
import Testing

@testable import GatehouseProxy

/// The response as the client gets it, without a socket: bytes of the upstream in, in pieces of any size, and bytes for the client out.
@Suite struct RelayPhaseTests {
    /// The outcome of one response.
    struct Relayed: Equatable {
        var status = 0
        var refusal: Reason?
        /// The body as it goes to the client, with its framing and its end.
        var body = ""
        var framing: BodyFraming?
        var isComplete = false
        var mustClose = false
        var isBroken = false
    }

    static let get =
        "GET /mcp HTTP/1.1\r\nHost: coda.example\r\nCf-Access-Jwt-Assertion: a\r\nAccept: text/event-stream\r\n\r\n"

    /// - Parameters:
    ///   - piece: bytes that come at once.
    ///   - ends: whether the upstream closes at the end.
    static func relay(
        _ response: String,
        to request: String = get,
        by piece: Int = .max,
        version: HTTPVersion = .http11,
        speech: Route.Speech = .http,
        policy: Policy = .everyone,
        ends: Bool = false
    ) throws -> Relayed {
        let fixture = try PhaseFixture(
            request,
            routes: [Gateway.route("http://127.0.0.1:1", policy: policy, speech: speech)]
        )
        let route = try fixture.admit()
        _ = try fixture.judge()
        var relay = ResponseRelay()
        var relayed = Relayed()
        var text = [UInt8]()
        let bytes = Array(response.utf8)
        var start = 0
        while start < bytes.count, !relayed.isBroken, relayed.refusal == nil {
            let end = piece >= bytes.count - start ? bytes.count : start + piece
            var received = ByteBuffer(bytes: bytes[start..<end])
            start = end
            relay.join(&received)
            if !relay.hasHead {
                switch relay.parseHead(received, answersHEAD: fixture.exchange.isHead) {
                case .incomplete:
                    relay.keep(received)
                    continue
                case .refused:
                    relayed.isBroken = true
                    continue
                case .complete: break
                }
                let head = relay.head
                let plan = AnswerPlan(head, received, fixture.exchange, route, PhaseFixture.key)
                relayed.status = head.status
                relayed.refusal = plan.refusal
                received.moveReaderIndex(forwardBy: head.length)
                relay.begin(head, plan, hasBody: received.readableBytes > 0, to: version, at: .now())
                relayed.framing = relay.clientFraming
                guard plan.refusal == nil else { continue }
            }
            parts: while true {
                switch relay.takePart(of: &received, fixture.exchange) {
                case .part(let part), .trailers(let part): text += part.readableBytesView
                case .more: break parts
                case .refused:
                    relayed.isBroken = true
                    break parts
                }
            }
            if !relay.isComplete { relay.keep(received) }
        }
        relayed.isComplete = relay.hasHead && (relay.isComplete || ends && relay.endsWithConnection)
        relayed.mustClose = relay.mustClose
        if relayed.isComplete, case .part(let end) = relay.takeEnd(fixture.exchange) { text += end.readableBytesView }
        relayed.body = String(decoding: text, as: UTF8.self)
        return relayed
    }

    static let head = "HTTP/1.1 200 OK\r\n"
    static let pieces = [Int.max, 1, 2, 3, 7]

    @Test(arguments: pieces)
    func `a body of a known length passes as it comes`(piece: Int) throws {
        let relayed = try Self.relay(Self.head + "Content-Length: 5\r\n\r\nhello", by: piece)
        #expect(relayed.body == "hello")
        #expect(relayed.framing == .length(5))
        #expect(relayed.isComplete == true)
        #expect(relayed.mustClose == false)
    }

    @Test(arguments: pieces)
    func `chunks pass with their framing, and without it to a client of HTTP 1.0`(piece: Int) throws {
        let response = Self.head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        let modern = try Self.relay(response, by: piece)
        #expect(modern.body == "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        #expect(modern.framing == .chunked)
        #expect(modern.isComplete == true)
        let old = try Self.relay(response, by: piece, version: .http10)
        #expect(old.body == "abcde")
        #expect(old.framing == .untilClose)
        #expect(old.mustClose == true)
    }

    /// RFC 9112 section 8: a body that ends with its connection cannot be told from one that is cut.
    @Test func `a body that ends with its connection goes on in chunks, whose last says that it is whole`() throws {
        let response = Self.head + "Connection: close\r\n\r\nabc"
        let whole = try Self.relay(response, ends: true)
        #expect(whole.body == "3\r\nabc\r\n0\r\n\r\n")
        #expect(whole.framing == .chunked)
        let cut = try Self.relay(response)
        #expect(cut.isComplete == false)
        #expect(cut.body == "3\r\nabc\r\n")
    }

    @Test(arguments: pieces)
    func `a chunk that breaks the rules ends the response`(piece: Int) throws {
        let relayed = try Self.relay(Self.head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n", by: piece)
        #expect(relayed.isBroken == true)
        #expect(relayed.isComplete == false)
    }

    @Test func `the answer to HEAD has no body whatever its head says`() throws {
        let request = Self.get.replacing("GET", with: "HEAD")
        let relayed = try Self.relay(Self.head + "Content-Length: 5\r\n\r\n", to: request)
        #expect(relayed.isComplete == true)
        #expect(relayed.body.isEmpty)
    }

    // MARK: - The plan

    @Test func `a 401 to an injected token is not the caller's`() throws {
        let relayed = try Self.relay("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
        #expect(relayed.refusal == .upstreamCredentialRejected)
    }

    @Test func `a limited caller gets no page`() throws {
        let page = Self.head + "Content-Type: text/html\r\nContent-Length: 6\r\n\r\nsecret"
        let limited = try Self.relay(page, speech: .mcp, policy: MCPGateway.policy(["search"]))
        #expect(limited.refusal == .upstreamNotMCP)
        #expect(limited.body.isEmpty)
        let free = try Self.relay(page, speech: .mcp)
        #expect(free.refusal == nil)
        #expect(free.body == "secret")
        let missing = "HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\nsecret"
        let withheld = try Self.relay(missing, speech: .mcp, policy: MCPGateway.policy(["search"]))
        #expect(withheld.status == 404)
        #expect(withheld.framing == .length(0))
        #expect(withheld.body.isEmpty)
    }

    static let list = #"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"search"},{"name":"delete"}]}}"#

    private func listing(_ type: String, _ body: String, by piece: Int = .max) throws -> Relayed {
        let call = MCPGateway.request("tools/list")
        let request =
            "POST /mcp HTTP/1.1\r\nHost: coda.example\r\nCf-Access-Jwt-Assertion: a\r\n"
            + "Content-Type: application/json\r\nContent-Length: \(call.utf8.count)\r\n\r\n\(call)"
        let response = Self.head + "Content-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        return try Self.relay(
            response,
            to: request,
            by: piece,
            speech: .mcp,
            policy: MCPGateway.policy(["search"])
        )
    }

    @Test(arguments: pieces)
    func `a list holds what the caller may see, and goes in chunks of its new length`(piece: Int) throws {
        let relayed = try listing("application/json", Self.list, by: piece)
        #expect(relayed.framing == .chunked)
        #expect(relayed.isComplete == true)
        #expect(relayed.body.hasSuffix("0\r\n\r\n"))
        #expect(Self.payload(relayed.body).contains(#"{"name":"search"}"#))
        #expect(!Self.payload(relayed.body).contains("delete"))
    }

    /// The payload of a chunked body.
    static func payload(_ body: String) -> String {
        var rest = body.utf8[...]
        var payload = [UInt8]()
        while let end = rest.firstIndex(of: 0x0D), let size = Int(Substring(rest[..<end]), radix: 16), size > 0 {
            let chunk = rest[end...].dropFirst(2)
            payload += chunk.prefix(size)
            rest = chunk.dropFirst(size + 2)
        }
        return String(decoding: payload, as: UTF8.self)
    }

    @Test(arguments: pieces)
    func `a list in an event is held to the same grants`(piece: Int) throws {
        let relayed = try listing("text/event-stream", "event: message\ndata: \(Self.list)\n\n", by: piece)
        #expect(relayed.framing == .chunked)
        #expect(Self.payload(relayed.body).hasPrefix("event: message\ndata: {"))
        #expect(Self.payload(relayed.body).contains("search"))
        #expect(!Self.payload(relayed.body).contains("delete"))
    }

    /// RFC 9110 section 8.4.1: `identity` is reserved for no coding. What is coded cannot be filtered, and does not pass.
    @Test func `a list in the coding identity is read, and one in another is not let through`() throws {
        for coding in ["identity", "Identity", ""] {
            let relayed = try listing("application/json\r\nContent-Encoding: \(coding)", Self.list)
            #expect(relayed.refusal == nil, "\(coding)")
            #expect(Self.payload(relayed.body).contains("search"))
            #expect(!Self.payload(relayed.body).contains("delete"))
        }
        for coding in ["gzip", "identity, gzip", "x"] {
            let relayed = try listing("application/json\r\nContent-Encoding: \(coding)", Self.list)
            #expect(relayed.refusal == .upstreamMalformed, "\(coding)")
        }
    }

    // MARK: - Event streams

    @Test func `Gatehouse's own bytes go between events only`() throws {
        let fixture = try PhaseFixture(Self.get, routes: [Gateway.route("http://127.0.0.1:1")])
        let route = try fixture.admit()
        var relay = ResponseRelay()
        var received = ByteBuffer(
            string: Self.head + "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        let progress = relay.parseHead(received, answersHEAD: false)
        try #require(progress == .complete)
        let head = relay.head
        let plan = AnswerPlan(head, received, fixture.exchange, route, PhaseFixture.key)
        received.moveReaderIndex(forwardBy: head.length)
        relay.begin(head, plan, hasBody: false, to: .http11, at: .now())
        #expect(relay.isEventStream == true)
        for (chunk, isAtBoundary) in [
            ("", true), ("7\r\ndata: a", false), ("\r\n", false), ("2\r\n\n\n\r\n", true), ("1\r\nd\r\n", false),
        ] {
            var bytes = ByteBuffer(string: chunk)
            while case .part = relay.takePart(of: &bytes, fixture.exchange) {}
            #expect(relay.isAtBoundary == isAtBoundary, "\(chunk)")
        }
    }
}
