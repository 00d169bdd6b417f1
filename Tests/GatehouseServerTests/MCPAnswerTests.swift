import CurlClient
import GatehouseCore
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
