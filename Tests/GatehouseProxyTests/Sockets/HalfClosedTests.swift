import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// Clients that end their side once they have asked (shutdown(2), SHUT_WR), as many scripts and HTTP/1.0 programs do.
@Suite struct HalfClosedTests {
    /// The interim response that an HTTP/1.1 client gets first, by which a client that has gone as a whole would be found out.
    private static let probe = "HTTP/1.1 100 Continue\r\n\r\n"

    @Test(arguments: ["GET", "POST"])
    func `an answer reaches a client that has ended its side`(method: String) async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(method == "GET" ? Gateway.get() : Gateway.post(body: "question"))
            client.shutdownWriting()
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: method == "GET" ? "\r\n\r\n" : "question")
            try client.receive(exactly: Self.probe)
            try upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
            try upstream.send("half")
            let answer = try client.receiveAnswer()
            #expect(answer.status == 200 && answer.text == "half")
            #expect(try client.receiveToEnd().isEmpty)
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .complete)
        }
    }

    /// An answer longer than the kernel's buffers: the end of the client's side must not cut it.
    @Test func `a long answer reaches a half-closed client whole`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client(receiveBuffer: 4 << 10)
            try client.send("GET / HTTP/1.0\r\nHost: coda.example\r\nCf-Access-Jwt-Assertion: alice\r\n\r\n")
            client.shutdownWriting()
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            let size = 1 << 20
            let head = Array("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n".utf8)
            let bytes = head + [UInt8](repeating: 0x61, count: size)
            var sent = 0
            var text = ""
            while sent < bytes.count {
                sent += try upstream.sendUntilStalled(Array(bytes[sent...]), quiet: 0.1)
                if sent < bytes.count { text += String(decoding: try client.receive(count: 10_000), as: UTF8.self) }
            }
            text += try client.receiveTextToEnd()
            #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(text.utf8.count { $0 == 0x61 } >= size)
        }
    }

    @Test func `requests that were sent together are all answered`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get("/1") + Gateway.get("/2") + Gateway.get("/3"))
            client.shutdownWriting()
            let first = try gateway.upstream.accept()
            #expect(try first.receive(through: "\r\n\r\n").hasPrefix("GET /1 "))
            try first.send(Gateway.okay)
            // The next request is read within the end of the answer, before its connection is idle again.
            let second = try gateway.upstream.accept()
            for (number, upstream) in [(2, second), (3, first)] {
                #expect(try upstream.receive(through: "\r\n\r\n").hasPrefix("GET /\(number) "))
                try upstream.send(Gateway.okay)
            }
            let text = try client.receiveTextToEnd()
            #expect(text.split(separator: "\r\n\r\n{}", omittingEmptySubsequences: false).count == 4, "\(text)")
        }
    }

    /// A refusal is an answer, too: of a route that is none, and of a body that never ends.
    @Test func `a refusal reaches a half-closed client`() async throws {
        try await Gateway.run { gateway in
            for request in [
                Gateway.get().replacing("coda.example", with: "nobody.example"),
                Gateway.post(body: "x").replacing("coda.example", with: "nobody.example")
                    .replacing("Content-Length: 1", with: "Content-Length: 100"),
                "nonsense\r\n\r\n",
            ] {
                let client = try gateway.client()
                try client.send(request)
                client.shutdownWriting()
                let status = try client.receiveAnswer().status
                #expect(status == 404 || status == 400)
                #expect(try client.receiveToEnd().isEmpty)
            }
        }
    }

    /// Half a head, and half a body: nothing could be answered.
    @Test func `a request that is not whole ends with its input`() async throws {
        try await Gateway.run { gateway in
            let head = try gateway.client()
            try head.send("GET / HTTP/1.1\r\nHost: coda")
            head.shutdownWriting()
            #expect(try head.receiveToEnd().isEmpty)

            let body = try gateway.client()
            try body.send(Gateway.post(body: "whole").replacing("Content-Length: 5", with: "Content-Length: 50"))
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "whole")
            body.shutdownWriting()
            #expect(try body.receiveToEnd(orReset: true).isEmpty)
            #expect(try upstream.receiveToEnd(orReset: true).isEmpty)
            #expect(try gateway.audit.waitForOutcomes().last?.ending == .clientClosed)
        }
    }

    @Test func `an event stream goes on for a half-closed client`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send(EventStreamTests.head + EventStreamTests.chunk("data: 1\n\n"))
            _ = try client.receive(through: "data: 1\n\n\r\n")
            client.shutdownWriting()
            try client.receive(exactly: EventStreamTests.chunk(":\n\n"))
            try upstream.send(EventStreamTests.chunk("data: 2\n\n") + "0\r\n\r\n")
            #expect(try client.receiveTextToEnd() == EventStreamTests.chunk("data: 2\n\n") + "0\r\n\r\n")
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .complete)
        }
    }

    /// One that has gone as a whole looks the same at first: its upstream is closed at once all the same, without a byte of an answer.
    @Test(arguments: [true, false])
    func `a client that has gone is found out`(streams: Bool) async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.post(body: "x"))
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\nx")
            if streams {
                try upstream.send(EventStreamTests.head + EventStreamTests.chunk("data: 1\n\n"))
                _ = try client.receive(through: "data: 1\n\n\r\n")
            }
            client.close()
            #expect(try upstream.receiveToEnd(orReset: true).isEmpty)
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .clientClosed)
        }
    }

    /// No interim response may be sent to HTTP/1.0 (RFC 9110, section 15.2), so the answer itself finds out that nobody waits for it.
    @Test func `a client of HTTP/1.0 that has gone is found out by the answer`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send("GET / HTTP/1.0\r\nHost: coda.example\r\nCf-Access-Jwt-Assertion: alice\r\n\r\n")
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            client.close()
            try upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nhalf")
            #expect(try upstream.receiveToEnd(orReset: true).isEmpty)
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .clientClosed)
        }
    }

    @Test func `a reset by a client of HTTP/1.0 ends the call at once`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send("GET / HTTP/1.0\r\nHost: coda.example\r\nCf-Access-Jwt-Assertion: alice\r\n\r\n")
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            client.reset()
            #expect(try upstream.receiveToEnd(orReset: true).isEmpty)
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .clientClosed)
        }
    }
}
