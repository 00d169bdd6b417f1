import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// Plain requests and responses, byte for byte.
@Suite struct PlainExchangeTests {
    @Test func `a GET passes and is recorded`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get("/mcp?x=1", "Cf-Ray: ray-1", "Cf-Connecting-Ip: 192.0.2.7"))
            let connection = try gateway.upstream.accept()
            let head = try connection.receive(through: "\r\n\r\n")
            #expect(head.hasPrefix("GET /mcp?x=1 HTTP/1.1\r\nHost: 127.0.0.1:"))
            try connection.send("HTTP/1.1 200 Fine\r\nX-Mine: yes\r\nContent-Length: 5\r\n\r\nhello")
            let answer = try client.receiveAnswer()
            #expect(answer.head.hasPrefix("HTTP/1.1 200 Fine\r\n"))
            #expect(answer["X-Mine"] == "yes")
            #expect(answer.text == "hello")
            let decision = try #require(gateway.audit.decisions.first)
            #expect(decision.route?.text == "coda")
            #expect(decision.principal == "alice@example.com")
            #expect(decision.refusal == nil)
            #expect(decision.method == "GET")
            #expect(decision.path == "/mcp")
            #expect(decision.token?.text == "coda")
            #expect(decision.tokenVersion == 1)
            #expect(decision.cfRay == "ray-1")
            #expect(decision.clientIP == "192.0.2.7")
            #expect(answer.values("X-Request-Id") == [decision.requestID.description])
            #expect(head.contains("\r\nX-Request-Id: \(decision.requestID)\r\n"))
            let outcome = try #require(gateway.audit.waitForOutcomes().first)
            #expect(outcome.status == 200)
            #expect(outcome.upstreamStatus == 200)
            #expect(outcome.bytesOut == 5)
            #expect(outcome.ending == .complete)
        }
    }

    @Test func `both sides are reused`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            let connection = try gateway.exchange(client)
            for _ in 0..<3 { _ = try gateway.exchange(client, over: connection) }
            #expect(!gateway.upstream.hasConnection)
            #expect(Set(gateway.audit.decisions.map(\.requestID)).count == 4)
        }
    }

    @Test func `one client's upstream connection serves another`() async throws {
        try await Gateway.run { gateway in
            let connection = try gateway.exchange(try gateway.client())
            _ = try gateway.exchange(try gateway.client(), over: connection)
            #expect(!gateway.upstream.hasConnection)
        }
    }

    @Test func `pipelined requests are answered in order`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            let count = 5
            try client.send((0..<count).map { Gateway.get("/\($0)") }.joined() + Gateway.post("/last", body: "end"))
            var connections: [RawSocket] = []
            for index in 0...count {
                let wanted = index < count ? "GET /\(index) " : "POST /last "
                let connection = try gateway.upstream.next(among: connections)
                if !connections.contains(where: { $0 === connection }) { connections.append(connection) }
                #expect(try connection.receive(through: "\r\n\r\n").hasPrefix(wanted))
                if index == count { try connection.receive(exactly: "end") }
                try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(index)")
                #expect(try client.receiveAnswer().text == "\(index)")
            }
            #expect(connections.count <= 2)
        }
    }

    @Test func `a body with length passes in both directions`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.request("POST", ["Content-Length: 11"]) + "hello")
            let connection = try gateway.upstream.accept()
            let head = try connection.receive(through: "\r\n\r\n")
            #expect(head.contains("\r\nContent-Length: 11\r\n"))
            try connection.receive(exactly: "hello")
            try client.send(" world")
            try connection.receive(exactly: " world")
            try connection.send("HTTP/1.1 201 Created\r\nContent-Length: 6\r\n\r\nabc")
            #expect(try client.receive(through: "\r\n\r\n").contains("\r\nContent-Length: 6\r\n"))
            try client.receive(exactly: "abc")
            try connection.send("def")
            try client.receive(exactly: "def")
            let outcome = try #require(gateway.audit.waitForOutcomes().first)
            #expect(outcome.bytesIn == 11)
            #expect(outcome.bytesOut == 6)
            #expect(outcome.status == 201)
        }
    }

    @Test(arguments: [1, 2, 3, 7, 1000])
    func `chunked bodies pass byte for byte, however they are cut`(step: Int) async throws {
        let body = "3\r\nabc\r\n0A;x=\"y z\"\r\n0123456789\r\n1\r\n\n\r\n0\r\nX-Checksum: 7\r\n\r\n"
        func pieces(_ text: String) -> [String] {
            let bytes = Array(text.utf8)
            return stride(from: 0, to: bytes.count, by: step).map {
                String(decoding: bytes[$0..<min($0 + step, bytes.count)], as: UTF8.self)
            }
        }
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.request("POST", ["Transfer-Encoding: chunked"]))
            for piece in pieces(body) { try client.send(piece) }
            let connection = try gateway.upstream.accept()
            #expect(try connection.receive(through: "\r\n\r\n").contains("\r\nTransfer-Encoding: chunked\r\n"))
            try connection.receive(exactly: body)
            try connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in pieces(body) { try connection.send(piece) }
            let answer = try client.receiveAnswer()
            #expect(answer.framed == Array(body.utf8))
            #expect(answer.text == "abc0123456789\n")
            // Both connections are in step afterwards.
            _ = try gateway.exchange(client, over: connection)
        }
    }

    @Test func `trailers that could smuggle are stripped`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(
                Gateway.request("POST", ["Transfer-Encoding: chunked"])
                    + "1\r\na\r\n0\r\nX-Coda-Api-Key: mine\r\nx_coda_api_key: mine\r\nCf-Access-Jwt-Assertion: forged\r\n"
                    + "Authorization: Bearer x\r\nContent-Length: 9\r\nX-Fine: 1\r\n\r\n"
            )
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.receive(exactly: "1\r\na\r\n0\r\nX-Fine: 1\r\n\r\n")
            try connection.send(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 4\r\nX-Sum: 1\r\n\r\n"
            )
            #expect(try client.receiveAnswer().framed == Array("0\r\nX-Sum: 1\r\n\r\n".utf8))
        }
    }

    @Test func `an answer to HEAD has no body, whatever its length says`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.request("HEAD", []))
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            let answer = try client.receiveAnswer(toHEAD: true)
            #expect(answer["Content-Length"] == "1000")
            _ = try gateway.exchange(client, over: connection)
        }
    }

    @Test(arguments: [204, 304])
    func `responses without body keep both connections`(status: Int) async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.send("HTTP/1.1 \(status) X\r\nETag: \"a\"\r\n\r\n")
            let answer = try client.receiveAnswer()
            #expect(answer.status == status)
            #expect(answer["ETag"] == "\"a\"")
            _ = try gateway.exchange(client, over: connection)
        }
    }

    @Test func `interim responses are forwarded`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            let hints = try client.receiveAnswer()
            #expect(hints.status == 103)
            #expect(hints["Link"] == "</a>")
            try connection.send("HTTP/1.1 102 Processing\r\n\r\n" + Gateway.okay)
            #expect(try client.receiveAnswer().status == 102)
            #expect(try client.receiveAnswer().text == "{}")
        }
    }

    @Test func `an expected 100 (Continue) waits for the upstream`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.request("POST", ["Content-Length: 4", "Expect: 100-continue"]))
            let connection = try gateway.upstream.accept()
            #expect(try connection.receive(through: "\r\n\r\n").contains("\r\nExpect: 100-continue\r\n"))
            try connection.send("HTTP/1.1 100 Continue\r\n\r\n")
            #expect(try client.receiveAnswer().status == 100)
            try client.send("body")
            try connection.receive(exactly: "body")
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer().text == "{}")
            _ = try gateway.exchange(client, over: connection)
        }
    }

    @Test func `a final answer to an expected 100 (Continue) closes, because the body may or may not follow`()
        async throws
    {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.request("POST", ["Content-Length: 4", "Expect: 100-continue"]))
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
            let answer = try client.receiveAnswer()
            #expect(answer.status == 417)
            #expect(answer["Connection"] == "close")
            #expect(try client.receiveToEnd().isEmpty)
            #expect(try connection.receiveToEnd().isEmpty)
        }
    }

    @Test func `clients of HTTP/1.0 get plain bodies and a close`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send("GET / HTTP/1.0\r\nHost: coda.example\r\nCf-Access-Jwt-Assertion: alice\r\n\r\n")
            let connection = try gateway.upstream.accept()
            #expect(try connection.receive(through: "\r\n\r\n").hasPrefix("GET / HTTP/1.1\r\n"))
            try connection.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            let head = try client.receive(through: "\r\n\r\n")
            #expect(head.contains("\r\nConnection: close\r\n"))
            #expect(!head.lowercased().contains("transfer-encoding"))
            try connection.send("3\r\nabc\r\n")
            try client.receive(exactly: "abc")
            try connection.send("2;x\r\nde\r\n0\r\nX-T: 1\r\n\r\n")
            #expect(try client.receiveTextToEnd() == "de")
        }
    }

    @Test func `clients of HTTP/1.0 may ask to be kept`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            let request =
                "GET / HTTP/1.0\r\nHost: coda.example\r\nConnection: keep-alive\r\nCf-Access-Jwt-Assertion: alice\r\n\r\n"
            try client.send(request)
            let connection = try gateway.upstream.accept()
            for _ in 0..<2 {
                _ = try connection.receive(through: "\r\n\r\n")
                try connection.send(Gateway.okay)
                #expect(try client.receiveAnswer()["Connection"] == "keep-alive")
                try client.send(request)
            }
            _ = try connection.receive(through: "\r\n\r\n")
            // An unanswered request of HTTP/1.0 would keep the drain waiting: nothing can ask whether its client is still there.
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer()["Connection"] == "keep-alive")
        }
    }

    @Test func `a client that asks to close is closed`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get("/", "Connection: close"))
            let connection = try gateway.upstream.accept()
            let head = try connection.receive(through: "\r\n\r\n")
            #expect(!head.lowercased().contains("connection:"))
            try connection.send(Gateway.okay)
            #expect(try client.receiveAnswer()["Connection"] == "close")
            #expect(try client.receiveToEnd().isEmpty)
            // The upstream did not ask for that and is kept.
            _ = try gateway.exchange(try gateway.client(), over: connection)
        }
    }

    @Test func `a response that ends with its connection reaches the client in chunks`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.send("HTTP/1.1 200 OK\r\n\r\nall that")
            let head = try client.receive(through: "\r\n\r\n")
            #expect(head.contains("\r\nTransfer-Encoding: chunked\r\n"))
            try client.receive(exactly: "8\r\nall that\r\n")
            try connection.send(" there is")
            connection.close()
            try client.receive(exactly: "9\r\n there is\r\n0\r\n\r\n")
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .complete)
            // Its end is known, so the client's connection serves on.
            _ = try gateway.exchange(client)
        }
    }

    @Test func `a client of HTTP/1.0 gets such a response to the end of its own connection`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send("GET / HTTP/1.0\r\nHost: coda.example\r\nCf-Access-Jwt-Assertion: alice\r\n\r\n")
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.send("HTTP/1.1 200 OK\r\n\r\nall")
            connection.close()
            #expect(try client.receiveTextToEnd().hasSuffix("\r\n\r\nall"))
        }
    }

    /// The last chunk is what tells a whole body from one that is cut.
    @Test func `a response that ends in a reset is cut`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.send("HTTP/1.1 200 OK\r\n\r\nall that")
            _ = try client.receive(through: "all that\r\n")
            connection.reset()
            #expect(try client.receiveToEnd(orReset: true).isEmpty)
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .upstreamClosed)
        }
    }

    /// Without chunks, only a reset does. It must not look like the end.
    @Test(arguments: ["", "Transfer-Encoding: chunked\r\n"])
    func `a client of HTTP/1.0 sees a cut response reset`(fields: String) async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send("GET / HTTP/1.0\r\nHost: coda.example\r\nCf-Access-Jwt-Assertion: alice\r\n\r\n")
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "\r\n\r\n")
            try connection.send("HTTP/1.1 200 OK\r\n\(fields)\r\n" + (fields.isEmpty ? "all" : "3\r\nall\r\n"))
            _ = try client.receive(through: "all")
            connection.reset()
            #expect(throws: SocketFailure.self) { try client.receiveToEnd() }
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .upstreamClosed)
        }
    }

    @Test func `an answer before the body has come keeps the client, and drops the rest`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.request("POST", ["Content-Length: 10"]) + "12345")
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "12345")
            try connection.send("HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n")
            #expect(try client.receiveAnswer().status == 422)
            // Half a request is on it: it serves no other.
            #expect(try connection.receiveToEnd().isEmpty)
            try client.send("67890")
            _ = try gateway.exchange(client)
        }
    }
}
