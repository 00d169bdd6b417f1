import Foundation
import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// Event streams: flushed as they come, kept alive, ended where no event is cut.
@Suite struct EventStreamTests {
    static let head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
    static let comment = "3\r\n:\n\n\r\n"

    static func chunk(_ text: String) -> String { String(text.utf8.count, radix: 16) + "\r\n\(text)\r\n" }

    /// Short timeouts; the sweep runs four times a second.
    static var impatient: ServerLimits {
        var limits = ServerLimits()
        limits.streamSilence = .milliseconds(1)
        return limits
    }

    /// Opens a stream whose head came alone, up to the comment that Gatehouse puts behind it.
    private func open(_ gateway: Gateway, as caller: String = "alice") throws -> (
        client: RawSocket, upstream: RawSocket
    ) {
        let client = try gateway.client()
        try client.send(Gateway.get(as: caller))
        let upstream = try gateway.upstream.accept()
        _ = try upstream.receive(through: "\r\n\r\n")
        try upstream.send(Self.head)
        let head = try client.receive(through: "\r\n\r\n")
        #expect(head.contains("\r\nX-Accel-Buffering: no\r\n"))
        #expect(head.contains("\r\nCache-Control: no-transform\r\n"))
        try client.receive(exactly: Self.comment)
        return (client, upstream)
    }

    @Test func `each event arrives before the next is sent`() async throws {
        try await Gateway.run { gateway in
            let (client, upstream) = try open(gateway)
            for number in 0..<5 {
                let event = Self.chunk("id: \(number)\nretry: 5\nevent: message\ndata: {\"n\":\(number)}\n\n")
                try upstream.send(event)
                try client.receive(exactly: event)
            }
            // A chunk may hold half an event, or half a chunk come: both pass at once.
            try upstream.send("a\r\ndata: ")
            try client.receive(exactly: "a\r\ndata: ")
            try upstream.send("abc\n\r\n" + Self.chunk("\n") + "0\r\n\r\n")
            try client.receive(exactly: "abc\n\r\n" + Self.chunk("\n") + "0\r\n\r\n")
            _ = try gateway.exchange(client, over: upstream)
        }
    }

    @Test func `no comment is put behind a head that brings its first event`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send(Self.head + Self.chunk("data: 1\n\n") + "0\r\n\r\n")
            #expect(try client.receiveAnswer().text == "data: 1\n\n")
        }
    }

    @Test func `fields that the upstream set stay`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nX-Accel-Buffering: yes\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            )
            let answer = try client.receiveAnswer()
            #expect(answer.values("Cache-Control") == ["no-cache, no-transform"])
            #expect(answer.values("X-Accel-Buffering") == ["yes"])
        }
    }

    @Test func `silence is broken between events`() async throws {
        try await Gateway.run(limits: Self.impatient) { gateway in
            let (client, upstream) = try open(gateway)
            try client.receive(exactly: Self.comment)
            try upstream.send(Self.chunk("data: 1\r\n\r\n"))
            // Comments may come before it, and one must after it.
            _ = try client.receive(through: Self.chunk("data: 1\r\n\r\n"))
            try client.receive(exactly: Self.comment)
        }
    }

    @Test(arguments: ["8\r\ndata: 1\n\r\n", "5\r\ndata", "9\r\ndata: 1\n\n", "9\r\ndata: 1\n\n\r", "4", "4\r"])
    func `silence is not broken inside an event or a chunk`(part: String) async throws {
        try await Gateway.run(limits: Self.impatient) { gateway in
            let (client, upstream) = try open(gateway)
            // A second stream whose comments show that sweeps went by.
            let (other, otherUpstream) = try open(gateway)
            try upstream.send(part)
            _ = try client.receive(through: part)
            for _ in 0..<3 { try other.receive(exactly: Self.comment) }
            #expect(try client.pendingBytes() == 0)
            otherUpstream.close()
        }
    }

    @Test func `a client that leaves closes the upstream at once`() async throws {
        try await Gateway.run { gateway in
            for abort in [RawSocket.close, RawSocket.reset] {
                let (client, upstream) = try open(gateway)
                abort(client)()
                #expect(try upstream.receiveTextToEnd(orReset: true).isEmpty)
            }
            #expect(try gateway.audit.waitForOutcomes(2).allSatisfy { $0.ending == .clientClosed && $0.status == 200 })
        }
    }

    @Test func `a stream ends when its assertion expires`() async throws {
        try await Gateway.run { gateway in
            gateway.callers["short"] = .caller(
                ScriptedCallers.person("short@example.com", expiresAt: gateway.clock.now() + .seconds(60))
            )
            let (client, upstream) = try open(gateway, as: "short")
            let (other, otherUpstream) = try open(gateway)
            gateway.clock.advance(by: .seconds(61))
            #expect(try client.receiveTextToEnd() == "0\r\n\r\n")
            #expect(try upstream.receiveTextToEnd(orReset: true).isEmpty)
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .expired)
            // The stream of another caller goes on.
            try otherUpstream.send(Self.chunk("data\n\n"))
            try other.receive(exactly: Self.chunk("data\n\n"))
        }
    }

    @Test func `an expired stream within an event is cut`() async throws {
        try await Gateway.run { gateway in
            gateway.callers["short"] = .caller(
                ScriptedCallers.person("short@example.com", expiresAt: gateway.clock.now() + .seconds(60))
            )
            let (client, upstream) = try open(gateway, as: "short")
            try upstream.send(Self.chunk("data: half"))
            try client.receive(exactly: Self.chunk("data: half"))
            gateway.clock.advance(by: .seconds(61))
            #expect(try client.receiveTextToEnd(orReset: true).isEmpty)
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .expired)
        }
    }

    @Test func `a short exchange is left to its end`() async throws {
        try await Gateway.run { gateway in
            gateway.callers["short"] = .caller(
                ScriptedCallers.person("short@example.com", expiresAt: gateway.clock.now() + .seconds(60))
            )
            let (other, otherUpstream) = try open(gateway, as: "short")
            let client = try gateway.client()
            try client.send(Gateway.get(as: "short"))
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            gateway.clock.advance(by: .seconds(61))
            // Its stream has ended, so time has passed for the other exchange too.
            _ = try other.receiveToEnd()
            #expect(try otherUpstream.receiveToEnd(orReset: true).isEmpty)
            try upstream.send(Gateway.okay)
            #expect(try client.receiveAnswer().text == "{}")
        }
    }

    @Test func `silence beyond the idle timeout ends a stream`() async throws {
        try await Gateway.run(routes: {
            [try Gateway.route($0.url, timeouts: RouteTimeouts(idle: .milliseconds(1)))]
        }) { gateway in
            let (client, upstream) = try open(gateway)
            #expect(try client.receiveTextToEnd(orReset: true).isEmpty)
            #expect(try upstream.receiveToEnd(orReset: true).isEmpty)
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .timeout)
        }
    }

    @Test func `nothing is put into a compressed stream, and it still ends with its assertion`() async throws {
        try await Gateway.run(limits: Self.impatient) { gateway in
            gateway.callers["short"] = .caller(
                ScriptedCallers.person("short@example.com", expiresAt: gateway.clock.now() + .seconds(60))
            )
            let (other, otherUpstream) = try open(gateway)
            let client = try gateway.client()
            try client.send(Gateway.get(as: "short"))
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n" + Self.chunk("zip\n\n")
            )
            _ = try client.receive(through: Self.chunk("zip\n\n"))
            for _ in 0..<2 { try other.receive(exactly: Self.comment) }
            #expect(try client.pendingBytes() == 0)
            gateway.clock.advance(by: .seconds(61))
            #expect(try client.receiveTextToEnd(orReset: true).isEmpty)
            #expect(try upstream.receiveToEnd(orReset: true).isEmpty)
            otherUpstream.close()
        }
    }

    /// Readers leave a byte order mark out at the very start only, and there our comment may stand.
    @Test(arguments: [[3], [1, 2], [1, 1, 1], [5], [0]])
    func `a byte order mark never stands behind a comment`(pieces: [Int]) async throws {
        let all = [UInt8]([0xEF, 0xBB, 0xBF]) + Array("data: 1\n\n".utf8)
        try await Gateway.run { gateway in
            for isOld in [false, true] {
                let client = try gateway.client()
                let head = "GET / HTTP/1.\(isOld ? 0 : 1)\r\nHost: coda.example\r\n"
                try client.send(head + "Cf-Access-Jwt-Assertion: alice\r\nConnection: close\r\n\r\n")
                let upstream = try gateway.upstream.accept()
                _ = try upstream.receive(through: "\r\n\r\n")
                try upstream.send(Self.head)
                _ = try client.receive(through: "\r\n\r\n")
                try client.receive(exactly: isOld ? ":\n\n" : Self.chunk(":\n\n"))
                var rest = all[...]
                for piece in pieces + [all.count] where piece > 0 && !rest.isEmpty {
                    let part = Array(rest.prefix(piece))
                    rest = rest.dropFirst(piece)
                    try upstream.send(Array("\(String(part.count, radix: 16))\r\n".utf8) + part + Array("\r\n".utf8))
                }
                try upstream.send("0\r\n\r\n")
                let body = isOld ? try client.receiveToEnd() : try client.receiveChunked().body
                #expect(String(decoding: body, as: UTF8.self) == "data: 1\n\n")
                upstream.close()
            }
        }
    }

    /// The size of a chunk that comes before its bytes is passed on at once, so the mark cannot be left out.
    @Test(arguments: [[3], [1, 2]])
    func `a byte order mark behind a passed chunk size becomes line ends`(pieces: [Int]) async throws {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        try await Gateway.run { gateway in
            let (client, upstream) = try open(gateway)
            try upstream.send("c\r\n")
            try client.receive(exactly: "c\r\n")
            try upstream.send(Array(mark.prefix(pieces[0])))
            #expect(try client.receive(count: pieces[0]).allSatisfy { $0 == 0x0A })
            try upstream.send(Array(mark.dropFirst(pieces[0])) + Array("data: 1\n\n\r\n0\r\n\r\n".utf8))
            let rest = try client.receive(count: 3 - pieces[0] + 16)
            let ends = String(repeating: "\n", count: 3 - pieces[0])
            #expect(String(decoding: rest, as: UTF8.self) == ends + "data: 1\n\n\r\n0\r\n\r\n")
        }
    }

    /// Bytes that come with the head are first, and stay unchanged; so do those that only begin like a mark.
    @Test func `a byte order mark that is first stays`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send(Array(Self.head.utf8) + Array("3\r\n".utf8) + [0xEF, 0xBB, 0xBF] + Array("\r\n".utf8))
            _ = try client.receive(through: "\r\n\r\n")
            #expect(try client.receive(count: 8) == Array("3\r\n".utf8) + [0xEF, 0xBB, 0xBF] + Array("\r\n".utf8))
            try upstream.send(Self.chunk("data: 1\n\n") + "0\r\n\r\n")
            try client.receive(exactly: Self.chunk("data: 1\n\n") + "0\r\n\r\n")

            try client.send(Gateway.get())
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send(Self.head)
            _ = try client.receive(through: "\r\n\r\n")
            try client.receive(exactly: Self.chunk(":\n\n"))
            try upstream.send(
                Array("2\r\n".utf8) + [0xEF, 0xBB] + Array("\r\n3\r\n".utf8) + [0x21, 0x0A, 0x0A]
                    + Array("\r\n0\r\n\r\n".utf8)
            )
            #expect(try client.receiveChunked().body == [0xEF, 0xBB, 0x21, 0x0A, 0x0A])
        }
    }

    @Test func `a stream to an old client has no chunks`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send("GET / HTTP/1.0\r\nHost: coda.example\r\nCf-Access-Jwt-Assertion: alice\r\n\r\n")
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send(Self.head)
            _ = try client.receive(through: "\r\n\r\n")
            try client.receive(exactly: ":\n\n")
            try upstream.send(Self.chunk("data: 1\n\n") + "0\r\n\r\n")
            #expect(try client.receiveTextToEnd() == "data: 1\n\n")
        }
    }

    @Test func `a stream without chunks reaches the client in chunks`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.get())
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: "\r\n\r\n")
            try upstream.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            _ = try client.receive(through: "\r\n\r\n")
            try client.receive(exactly: Self.chunk(":\n\n"))
            try upstream.send("data: 1\n\n")
            try client.receive(exactly: Self.chunk("data: 1\n\n"))
            upstream.close()
            try client.receive(exactly: "0\r\n\r\n")
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .complete)
        }
    }

    @Test func `a reload ends the streams of a route that it takes away, and of no other`() async throws {
        try await Gateway.run(limits: Self.impatient) { gateway in
            let (client, upstream) = try open(gateway)
            // The same route made anew, with another token: nothing changes for who is in.
            let same = try Gateway.route(gateway.upstream.url)
            gateway.server.replaceSnapshot(try Gateway.snapshot([same], token: "coda-token-2", version: 2))
            try upstream.send(Self.chunk("data: 1\n\n"))
            _ = try client.receive(through: Self.chunk("data: 1\n\n"))
            // A comment comes with each sweep; with the second one a sweep has seen the new snapshot.
            for _ in 0..<2 { _ = try client.receive(through: Self.comment) }
            let narrowed = try Gateway.route(gateway.upstream.url, path: "/elsewhere")
            gateway.server.replaceSnapshot(try Gateway.snapshot([narrowed]))
            #expect(try client.receiveTextToEnd().hasSuffix("0\r\n\r\n"))
            #expect(try gateway.audit.waitForOutcomes().first?.ending == .expired)
        }
    }
}

extension Gateway {
    /// Sends a request that is answered with an event stream, up to the comment that Gatehouse puts behind its head.
    func openStream(_ request: String) throws -> (client: RawSocket, upstream: RawSocket) {
        let client = try client()
        try client.send(request)
        let upstream = try self.upstream.accept()
        _ = try upstream.receive(through: "\r\n\r\n")
        if let body = request.components(separatedBy: "\r\n\r\n").last, !body.isEmpty {
            try upstream.receive(exactly: body)
        }
        try upstream.send(EventStreamTests.head)
        _ = try client.receive(through: "\r\n\r\n")
        try client.receive(exactly: EventStreamTests.comment)
        return (client, upstream)
    }
}
