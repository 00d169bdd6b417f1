import Foundation
import GatehouseCore
import GatehouseTestSupport
import SocketLoop
import Testing

@testable import GatehouseProxy

/// An upstream that gives the injected token back.
@Suite struct ReflectionTests {
    static let token = Gateway.token
    static let base64 = Data("Bearer \(token), end".utf8).base64EncodedString()
    static let hex = token.utf8.map { String(format: "%02X", $0) }.joined()

    private func run(
        _ reflection: Reflection = .redact,
        speech: Route.Speech = .http,
        inject: [String: String] = ["X-Coda-Api-Key": "{token}"],
        takesWebSockets: Bool = true,
        _ body: (Gateway) async throws -> Void
    ) async throws {
        try await Gateway.run(
            routes: {
                [
                    try Gateway.route(
                        $0.url,
                        inject: inject,
                        speech: speech,
                        reflection: reflection,
                        takesWebSockets: takesWebSockets
                    )
                ]
            },
            body
        )
    }

    /// Sends one request, and the upstream's answer in the parts that are given.
    private func answer(
        _ gateway: Gateway,
        _ client: RawSocket,
        request: String = Gateway.get(),
        toHEAD: Bool = false,
        _ parts: String...
    ) throws -> RawAnswer {
        try client.send(request)
        let upstream = try gateway.upstream.accept()
        _ = try upstream.receive(through: "\r\n\r\n")
        for part in parts { try upstream.send(part) }
        let answer = try client.receiveAnswer(toHEAD: toHEAD)
        #expect(!String(decoding: client.received, as: UTF8.self).contains(Self.token))
        upstream.close()
        return answer
    }

    // MARK: - Bodies

    @Test func `a body that has come as a whole keeps a length`() async throws {
        try await run { gateway in
            let client = try gateway.client()
            let body = #"{"headers":{"X-Coda-Api-Key":"\#(Self.token)","b":"\#(Self.base64)","h":"\#(Self.hex)"}}"#
            let answer = try answer(
                gateway,
                client,
                "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body
            )
            #expect(answer.text.hasPrefix(#"{"headers":{"X-Coda-Api-Key":"[redacted]**","b":""#))
            #expect(answer.text.hasSuffix(#","h":"[redacted]**************"}}"#))
            #expect(answer.body.count == body.utf8.count)
            #expect(!answer.text.contains(Self.base64.prefix(20)))
            #expect(answer["Content-Length"] == "\(answer.body.count)")
            #expect(answer["Transfer-Encoding"] == nil)
            let outcome = try #require(gateway.audit.waitForOutcomes().first)
            #expect(outcome.refusal == .secretReflected)
            #expect(outcome.status == 200)
            #expect(outcome.ending == .complete)
        }
    }

    @Test func `clean answers stay as they are, byte for byte`() async throws {
        try await run { gateway in
            let client = try gateway.client()
            let body = String(repeating: "some text, and more of it \\n", count: 8000)
            let whole = try answer(gateway, client, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nclean")
            #expect(whole.text == "clean")
            #expect(whole["Content-Length"] == "5")
            let long = try answer(
                gateway,
                client,
                "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n",
                body
            )
            #expect(long.text == body)
            #expect(long["Content-Length"] == "\(body.utf8.count)")
            #expect(long["Transfer-Encoding"] == nil)
            let chunked = try answer(
                gateway,
                client,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=\(Self.token)\r\nabc\r\n",
                "5\r\ncoda-\r\n0\r\n\r\n"
            )
            #expect(chunked.text == "abccoda-")
            #expect(try gateway.audit.waitForOutcomes(3).allSatisfy { $0.refusal == nil })
        }
    }

    @Test(arguments: ["Content-Length: 19", "Transfer-Encoding: chunked", "Connection: close"])
    func `a secret in two parts is found in every framing`(framing: String) async throws {
        try await run { gateway in
            let client = try gateway.client()
            func part(_ text: String) -> String {
                framing.hasPrefix("Transfer") ? "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n" : text
            }
            try client.send(Gateway.get())
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send(
                "HTTP/1.1 500 Internal Server Error\r\n\(framing)\r\n\r\n" + part("<b>\(Self.token.prefix(5))")
            )
            _ = try client.receive(through: "<b>")
            try upstream.send(part("\(Self.token.dropFirst(5))<hr>"))
            if framing.hasPrefix("Transfer") { try upstream.send("0\r\n\r\n") }
            upstream.close()
            let rest = try client.receive(through: framing.hasPrefix("Content") ? "<hr>" : "0\r\n\r\n")
            #expect(rest.replacing(#/\r\n[0-9a-f]+\r\n/#, with: "").contains("[redacted]"))
            #expect(!String(decoding: client.received, as: UTF8.self).contains("oken-1"))
            #expect(try gateway.audit.waitForOutcomes().first?.refusal == .secretReflected)
        }
    }

    @Test func `events pass at once, and a secret in one does not`() async throws {
        try await run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get("/mcp", "Accept: text/event-stream"))
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            func send(_ text: String) throws {
                try upstream.send("\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n")
            }
            try upstream.send(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            _ = try client.receive(through: "\r\n\r\n")
            for _ in 0..<3 {
                // Every one of these ends like the beginning of the secret or of its encodings.
                for end in ["coda-token", "Y29kYS", "636f", "\\u0063\\u006", "%63%6f%6"] {
                    try send("data: \(end)\n\n")
                    _ = try client.receive(through: "data: \(end)\n\n")
                }
            }
            try send("data: coda-to")
            try send("ken-1 and \\u0063oda%2Dtoken-1\n\n")
            _ = try client.receive(through: "data: ")
            let event = try client.receive(through: "\n\n")
            #expect(event.replacing(#/\r\n[0-9a-f]+\r\n/#, with: "").contains("[redacted]** and [redacted]*******"))
            try upstream.send("0\r\n\r\n")
            _ = try client.receive(through: "0\r\n\r\n")
            #expect(!String(decoding: client.received, as: UTF8.self).contains(Self.token))
        }
    }

    @Test func `an HTTP 1 0 client gets the length that was stated`() async throws {
        try await run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get().replacing("HTTP/1.1", with: "HTTP/1.0"))
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\na-")
            let head = try client.receive(through: "a-")
            #expect(head.contains("Content-Length: 16\r\n"))
            try upstream.send("\(Self.token)-b")
            #expect(try client.receiveTextToEnd() == "[redacted]**-b")
        }
    }

    // MARK: - Heads and trailers

    @Test func `heads, interim heads and trailers hold no secret`() async throws {
        try await run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send("HTTP/1.1 103 \(Self.token)\r\nLink: <\(Self.hex)>\r\n\r\n")
            let interim = try client.receive(through: "\r\n\r\n")
            #expect(interim.hasPrefix("HTTP/1.1 103 [redacted]**\r\nLink: <[redacted]**************>\r\n"))
            try upstream.send(
                "HTTP/1.1 200 \(Self.token)\r\nX-Echo: \(Self.base64)\r\nSet-Cookie: k=\(Self.token); Path=/\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Last: \(Self.token)\r\nX-Clean: yes\r\n\r\n"
            )
            let head = try client.receive(through: "\r\n\r\n")
            #expect(head.hasPrefix("HTTP/1.1 200 [redacted]**\r\n"))
            #expect(head.contains("\r\nSet-Cookie: k=[redacted]**; Path=/\r\n"))
            #expect(!head.contains(Self.base64.prefix(20)))
            let rest = try client.receive(through: "yes\r\n\r\n")
            #expect(rest == "2\r\n{}\r\n0\r\nX-Last: [redacted]**\r\nX-Clean: yes\r\n\r\n")
            #expect(try gateway.audit.waitForOutcomes().first?.refusal == .secretReflected)
        }
    }

    @Test func `the answer to HEAD is looked at too`() async throws {
        try await run { gateway in
            let client = try gateway.client()
            let answer = try answer(
                gateway,
                client,
                request: Gateway.request("HEAD"),
                toHEAD: true,
                "HTTP/1.1 200 OK\r\nContent-Length: 77\r\nContent-Encoding: gzip\r\nX-Echo: \(Self.token)\r\n\r\n"
            )
            #expect(answer["X-Echo"] == "[redacted]**")
            #expect(answer["Content-Length"] == "77")
        }
    }

    @Test func `a name that holds the secret is no name any more`() async throws {
        try await run { gateway in
            let client = try gateway.client()
            let answer = try answer(
                gateway,
                client,
                "HTTP/1.1 200 OK\r\nX-\(Self.token): a\r\nContent-Length: 0\r\n\r\n"
            )
            #expect(answer.status == 502)
        }
    }

    @Test func `compressed answers are refused`() async throws {
        try await run { gateway in
            let client = try gateway.client()
            let answer = try answer(
                gateway,
                client,
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nab"
            )
            #expect(answer.status == 502)
            #expect(answer.text.contains("upstream_failed"))
            #expect(try gateway.audit.waitForOutcomes().first?.refusal == .upstreamEncoded)
        }
    }

    @Test func `ranges are not asked for`() async throws {
        try await run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get("/mcp", "Range: bytes=0-10", "If-Range: \"a\""))
            let upstream = try gateway.upstream.accept()
            let head = try upstream.receive(through: "\r\n\r\n").lowercased()
            #expect(!head.contains("range"))
            try upstream.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
    }

    // MARK: - Block

    @Test(arguments: ["Content-Length: 16", "Transfer-Encoding: chunked"])
    func `block refuses an answer that has not begun`(framing: String) async throws {
        try await run(.block) { gateway in
            let client = try gateway.client()
            let body = "a-\(Self.token)-b"
            let framed = framing.hasPrefix("T") ? "10\r\n\(body)\r\n0\r\n\r\n" : body
            let refused = try answer(gateway, client, "HTTP/1.1 200 OK\r\n\(framing)\r\n\r\n" + framed)
            #expect(refused.status == 502)
            #expect(refused.text.contains("upstream_failed"))
            let inHead = try answer(gateway, client, "HTTP/1.1 200 OK\r\nX-A: \(Self.hex)\r\nContent-Length: 0\r\n\r\n")
            #expect(inHead.status == 502)
            let clean = try answer(gateway, client, Gateway.okay)
            #expect(clean["Content-Length"] == "2")
            #expect(try gateway.audit.waitForOutcomes(3).map(\.refusal) == [.secretReflected, .secretReflected, nil])
        }
    }

    @Test(arguments: ["Content-Length: 30", "Transfer-Encoding: chunked"])
    func `block cuts an answer that has begun`(framing: String) async throws {
        try await run(.block) { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            func part(_ text: String) -> String {
                framing.hasPrefix("T") ? "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n" : text
            }
            try upstream.send("HTTP/1.1 200 OK\r\n\(framing)\r\n\r\n" + part("begun coda-tok"))
            _ = try client.receive(through: "begun ")
            try upstream.send(part("en-1 and more"))
            let rest = String(decoding: try client.receiveToEnd(orReset: true), as: UTF8.self)
            #expect(!rest.contains("coda-tok"))
            #expect(!rest.contains("more"))
            #expect(!rest.contains("0\r\n\r\n"))
            let outcome = try #require(gateway.audit.waitForOutcomes().first)
            #expect(outcome.refusal == .secretReflected)
            #expect(outcome.ending == .upstreamClosed)
        }
    }

    @Test func `a call is answered in its own words`() async throws {
        try await run(.block, speech: .mcp) { gateway in
            let client = try gateway.client()
            let body = #"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"\#(Self.token)"}]}}"#
            let answer = try answer(
                gateway,
                client,
                request: Gateway.post(
                    "/mcp",
                    "Content-Type: application/json",
                    body: #"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"env"}}"#
                ),
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body
            )
            #expect(answer.text.contains(#""code":5020"#))
            #expect(answer.text.contains(#""id":7"#))
        }
    }

    // MARK: - Which secrets

    @Test func `versions before the present one are found`() async throws {
        try await run { gateway in
            var former = FormerTokens()
            let coda = try TokenName(parsing: "coda")
            let old = try TokenValue(validating: Secret("the-former-token"), version: 1)
            former.replaced([coda: old], by: [:])
            gateway.server.replaceSnapshot(
                try Gateway.snapshot(
                    [try Gateway.route(gateway.upstream.url, reflection: .redact)],
                    version: 2,
                    former: former
                )
            )
            let client = try gateway.client()
            let body = "the-former-token \(Self.token)"
            let answer = try answer(
                gateway,
                client,
                "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body
            )
            #expect(answer.text == "[redacted]****** [redacted]**")
        }
    }

    @Test func `an assertion that is forwarded does not come back`() async throws {
        try await run(inject: ["X-Coda-Api-Key": "{token}", "Cf-Access-Token": "{assertion}"]) { gateway in
            let assertion = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
            gateway.callers[assertion] = gateway.callers["alice"]
            let client = try gateway.client()
            let answer = try answer(
                gateway,
                client,
                request: Gateway.get("/mcp", as: assertion),
                "HTTP/1.1 200 OK\r\nContent-Length: \(assertion.utf8.count)\r\nX-A: \(assertion)\r\n\r\n\(assertion)"
            )
            #expect(answer.text == GuardFixture.redacted(assertion.utf8.count))
            #expect(answer["X-A"] == answer.text)
        }
    }

    @Test func `nothing is looked for where the guard is off`() async throws {
        try await run(.off) { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\n\(Self.token)")
            #expect(try client.receiveAnswer().text == Self.token)
        }
    }

    // MARK: - Websockets

    @Test func `a websocket is refused where the route takes none`() async throws {
        try await run(takesWebSockets: false) { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get("/ws", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: k"))
            let answer = try client.receiveAnswer()
            #expect(answer.status == 403)
            #expect(gateway.audit.decisions.map(\.refusal) == [.webSocketDenied])
            _ = try gateway.exchange(client)
        }
    }
}
