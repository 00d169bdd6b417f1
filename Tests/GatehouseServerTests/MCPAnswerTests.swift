import CurlClient
import GatehouseCore
@testable import GatehouseOperations
@testable import GatehouseServer
import Testing

@Suite("The answer in an event stream") struct MCPAnswerTests {
    @Test(arguments: [
        ("data: {\"a\":1}\n\n", ["{\"a\":1}"]), ("data:x\r\n\r\n", ["x"]), ("data: a\rdata: b\r\r", ["a\nb"]),
        (": comment\n\ndata: x\nid: 4\n\n", ["x"]), ("data: unfinished\n", []), ("event: y\n\n", []),
        ("data\n\n", []),
    ])
    func `events end with an empty line, whatever ends lines`(stream: String, data: [String]) {
        #expect(MCPAnswer.events(Array(stream.utf8)).map { String(decoding: $0, as: UTF8.self) } == data)
    }

    private func hasCome(_ text: String) -> Bool {
        Array(text.utf8).withUnsafeBytes { MCPAnswer.hasCome(to: 2, in: $0) }
    }

    @Test func `what answers another message, asks or reports progress is not the answer`() {
        #expect(!hasCome("data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n"))
        #expect(!hasCome("data: {\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}\n\n"))
        #expect(!hasCome("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{}}\n\n"))
        #expect(!hasCome("data: {\"error\":\"unauthorized\",\"id\":null}\n\n"))
        #expect(hasCome("data: nonsense\n\ndata: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}\n\n"))
        #expect(hasCome("data: {\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"x\"}}\n\n"))
    }
}

@Suite struct TheEndpointOfTheLegacyTransport {
    @Test(arguments: [
        ("/messages?session_id=1", "http://mcp:8080/messages?session_id=1"),
        ("http://mcp:8080/messages", "http://mcp:8080/messages"), ("?s=1", "http://mcp:8080/a/sse?s=1"),
        ("messages", "http://mcp:8080/a/messages"),
    ])
    func `is resolved against the stream's address`(text: String, url: String) {
        #expect(LegacyStream.resolve(text, from: "http://mcp:8080/a/sse?x=/y") == url)
    }

    @Test(arguments: [
        "http://evil.example/messages", "https://mcp:8080/messages", "//evil.example/messages", "http://mcp:80801/x",
        "http://mcp:8080@evil.example/x", "http://mcp:8080", "",
    ])
    func `never leads to another origin`(text: String) {
        #expect(LegacyStream.resolve(text, from: "http://mcp:8080/sse") == nil)
    }
}
