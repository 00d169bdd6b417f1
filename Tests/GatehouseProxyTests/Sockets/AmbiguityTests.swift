import Foundation
import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// The corpus over a real socket: each request gets its 4xx, its connection closes, and nothing reaches the upstream.
@Suite struct AmbiguityTests {
    static func routes(_ upstream: RawListener) throws -> [Route] { [try Gateway.route(upstream.url, host: "*")] }

    private func refused(_ request: AmbiguousRequest, by gateway: Gateway, behind prefix: [UInt8] = []) throws {
        let client = try gateway.client()
        // A request behind the ambiguous one: if Gatehouse found the wrong boundary between the two, this one would be smuggled.
        let smuggled = Array("GET /smuggled HTTP/1.1\r\nHost: a.example\r\nCf-Access-Jwt-Assertion: alice\r\n\r\n".utf8)
        try? client.send(prefix + request.raw + smuggled)
        let answer = try client.receiveAnswer()
        #expect(answer.status == request.reason.status, "\(request.name)")
        #expect(answer["Connection"] == "close", "\(request.name)")
        #expect(answer["X-Request-Id"] == gateway.audit.decisions.last?.requestID.description)
        client.shutdownWriting()
        #expect(try client.receiveToEnd(orReset: true).isEmpty, "\(request.name)")
        #expect(gateway.audit.outcomes.last?.refusal == request.reason, "\(request.name)")
    }

    @Test func `ambiguous heads reach no upstream`() async throws {
        try await Gateway.run(routes: Self.routes) { gateway in
            for request in AmbiguousRequest.heads + AmbiguousRequest.oversized { try refused(request, by: gateway) }
            #expect(!gateway.upstream.hasConnection)
            #expect(gateway.audit.decisions.allSatisfy { $0.path.isEmpty && $0.principal == nil })
        }
    }

    @Test func `an ambiguous head is refused behind a good request, too`() async throws {
        try await Gateway.run(routes: Self.routes) { gateway in
            for request in AmbiguousRequest.heads {
                // An empty line before a request is let pass once, so these two are fine where they stand.
                let client = try gateway.client()
                let connection = try gateway.exchange(client, over: nil)
                try? client.send(request.raw)
                #expect(try client.receiveAnswer().status == request.reason.status, "\(request.name)")
                client.close()
                connection.close()
                #expect(connection.received.count > 0)
                #expect(!gateway.upstream.hasConnection)
            }
        }
    }

    @Test func `ambiguous bodies reach no upstream`() async throws {
        try await Gateway.run(routes: Self.routes) { gateway in
            for request in AmbiguousRequest.bodies {
                let text = String(decoding: request.raw, as: UTF8.self)
                let raw = Array(
                    text.replacing("Host: a.example\r\n", with: "Host: a.example\r\nCf-Access-Jwt-Assertion: alice\r\n")
                        .utf8
                )
                try refused(AmbiguousRequest(request.name, bytes: raw, request.reason), by: gateway)
                // When a connection was made before the body was read, not one byte went over it.
                if gateway.upstream.hasConnection {
                    let connection = try gateway.upstream.accept()
                    #expect(try connection.receiveToEnd(orReset: true).isEmpty, "\(request.name)")
                }
            }
        }
    }

    /// RFC 9110 section 9.3.2: content behind it would be read as the beginning of the next answer.
    @Test func `the refusal of an ambiguous HEAD has no content`() async throws {
        try await Gateway.run(routes: Self.routes) { gateway in
            for line in ["HEAD /./a HTTP/1.1", "HEAD http://b.example/ HTTP/1.1", "HEAD / HTTP/1.1\r\nX : y"] {
                let client = try gateway.client()
                try client.send(Array("\(line)\r\nHost: a.example\r\n\r\n".utf8))
                client.shutdownWriting()
                let answer = String(decoding: try client.receiveToEnd(orReset: true), as: UTF8.self)
                #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(line)")
                #expect(answer.hasSuffix("\r\n\r\n"), "\(line)")
            }
        }
    }

    /// With GATEHOUSE_UPDATE_GOLDEN set, the file is written anew.
    @Test func `the corpus that is sent through the product to real servers is this one`() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Smuggling/corpus.json")
        let lines = try (AmbiguousRequest.heads + AmbiguousRequest.oversized + AmbiguousRequest.bodies).map { request in
            let name = String(decoding: try JSONEncoder().encode(request.name), as: UTF8.self)
            return "{\"name\":\(name),\"raw\":\"\(Data(request.raw).base64EncodedString())\"}"
        }
        let text = "[\n\(lines.joined(separator: ",\n"))\n]\n"
        if ProcessInfo.processInfo.environment["GATEHOUSE_UPDATE_GOLDEN"] != nil {
            try text.write(to: file, atomically: true, encoding: .utf8)
        } else {
            #expect(try String(contentsOf: file, encoding: .utf8) == text)
        }
    }

    @Test func `a body that turns bad later is never completed upstream`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            try client.send(Gateway.request("POST", ["Transfer-Encoding: chunked"]) + "3\r\nabc\r\n")
            let connection = try gateway.upstream.accept()
            _ = try connection.receive(through: "3\r\nabc\r\n")
            try client.send("+1\r\nx\r\n0\r\n\r\n")
            let answer = try client.receiveAnswer()
            #expect(answer.status == 400)
            #expect(answer["Connection"] == "close")
            #expect(try connection.receiveToEnd(orReset: true).isEmpty)
            #expect(try gateway.audit.waitForOutcomes().first?.refusal == .requestMalformed)
        }
    }
}
