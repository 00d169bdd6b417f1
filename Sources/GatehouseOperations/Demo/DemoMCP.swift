internal import GatehouseCore
internal import GatehouseServer
internal import Synchronization

/// An MCP server that knows nothing of sign-in: JSON-RPC over HTTP with a few tools. Its answers name what it received, so that a reader can
/// see what Gatehouse did on the way.
final class DemoMCP: Sendable {
    static let header = "X-Demo-Api-Key"
    /// The largest number of events of a `watch` without a rotation: half a minute.
    static let maximumProgress = 600
    static let progressInterval: Duration = .milliseconds(50)
    private static let json = "application/json"

    private struct State {
        /// The key of the newest request.
        var key = ""
        var watches = 0
    }

    private let state = Mutex(State())

    /// Streams of `watch` that are open now.
    var openWatches: Int { state.withLock { $0.watches } }

    func answer(_ request: LoopbackServer.Request) -> LoopbackServer.Answer {
        guard request.method == "POST" else {
            return LoopbackServer.Answer(status: .methodNotAllowed, body: "POST\n")
        }
        guard let call = request.withBody({ Call(Array($0)) }) else {
            return LoopbackServer.Answer(
                status: .badRequest,
                type: Self.json,
                body: #"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no JSON-RPC"}}"#
            )
        }
        let key = request.fields.first { $0.name.lowercasedASCII() == Self.header.lowercasedASCII() }?.value ?? ""
        state.withLock { $0.key = key }
        guard let id = call.id else { return LoopbackServer.Answer(status: .accepted, body: "") }
        switch call.method {
        case "initialize":
            return result(id) { result in
                result.string("protocolVersion", "2025-06-18")
                result.object("capabilities") { $0.object("tools") { _ in } }
                result.object("serverInfo") { server in
                    server.string("name", "demo")
                    server.string("version", "1")
                }
            }
        case "ping": return result(id) { _ in }
        case "tools/list":
            return result(id) { result in
                result.array("tools") { tools in
                    tool("whoami", "Tells which header fields reached the server.", &tools)
                    tool("add", "Adds a and b.", &tools)
                    tool("watch", "Streams progress until requests come with another key.", &tools)
                    tool("hello", "Says hello.", &tools)
                }
            }
        case "tools/call" where call.tool == "whoami": return text(id, whoami(request))
        case "tools/call" where call.tool == "add": return text(id, String(call.numbers.reduce(0, +)))
        case "tools/call" where call.tool == "watch": return watch(id, key)
        case "tools/call" where call.tool == "hello": return text(id, "hello from the demo MCP server")
        case _:
            return LoopbackServer.Answer(
                type: Self.json,
                body: #"{"jsonrpc":"2.0","id":\#(id),"error":{"code":-32601,"message":"no such method or tool"}}"#
            )
        }
    }

    /// The fields that name the caller, as JSON by lower-case name.
    private func whoami(_ request: LoopbackServer.Request) -> String {
        var json = JSONText()
        json.object { fields in
            for field in request.fields { fields.string(field.name.lowercasedASCII(), field.value) }
        }
        return json.text
    }

    /// A stream of progress that ends with the answer once a request has brought another key than this one's.
    private func watch(_ id: String, _ key: String) -> LoopbackServer.Answer {
        state.withLock { $0.watches += 1 }
        let events = LoopbackServer.Answer.Events(
            interval: Self.progressInterval,
            next: { index in
                guard index < Self.maximumProgress, self.state.withLock({ $0.key }) == key else {
                    return .last(self.text(id, "another key after \(index) events").body)
                }
                return .more(
                    #"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":\#(id),"progress":\#(index)}}"#
                )
            },
            ended: { self.state.withLock { $0.watches -= 1 } }
        )
        return LoopbackServer.Answer(type: "text/event-stream", body: "", events: events)
    }

    private func tool(_ name: String, _ description: String, _ tools: inout JSONText) {
        tools.object { tool in
            tool.string("name", name)
            tool.string("description", description)
            tool.object("inputSchema") { $0.string("type", "object") }
        }
    }

    private func text(_ id: String, _ text: String) -> LoopbackServer.Answer {
        result(id) { result in
            result.array("content") { content in
                content.object { part in
                    part.string("type", "text")
                    part.string("text", text)
                }
            }
            result.bool("isError", false)
        }
    }

    private func result(_ id: String, _ body: (inout JSONText) -> Void) -> LoopbackServer.Answer {
        var json = JSONText()
        json.object(nil) { body(&$0) }
        return LoopbackServer.Answer(type: Self.json, body: #"{"jsonrpc":"2.0","id":\#(id),"result":\#(json.text)}"#)
    }

    /// One JSON-RPC message: what the demo's server needs of it.
    private struct Call {
        /// The request's id as it was written; nil for a notification.
        var id: String?
        var method = ""
        var tool = ""
        /// The arguments that are integers, clamped to 32 bits so that no sum of them overflows.
        var numbers: [Int] = []

        init?(_ body: [UInt8]) {
            guard let scanned = body.withUnsafeBytes({ try? Self.scan($0) }) else { return nil }
            self = scanned
        }

        private static func scan(_ bytes: UnsafeRawBufferPointer) throws(JSONFault) -> Call {
            var call = Call()
            var scanner = try JSONScanner(bytes)
            try scanner.beginObject()
            while let name = try scanner.nextMember() {
                switch name.text {
                case "id": call.id = String(decoding: bytes[try scanner.skip()], as: UTF8.self)
                case "method": call.method = try scanner.string().text
                case "params" where scanner.next == .object: try call.readParams(&scanner)
                case _: _ = try scanner.skip()
                }
            }
            try scanner.finish()
            return call
        }

        private init() {}

        private mutating func readParams(_ scanner: inout JSONScanner) throws(JSONFault) {
            try scanner.beginObject()
            while let name = try scanner.nextMember() {
                if name == "name", scanner.next == .string {
                    tool = try scanner.string().text
                } else if name == "arguments", scanner.next == .object {
                    try scanner.beginObject()
                    while try scanner.nextMember() != nil {
                        if scanner.next == .number {
                            let number = try scanner.number()
                            numbers.append(Int(Int32(clamping: number.integer ?? 0)))
                        } else {
                            _ = try scanner.skip()
                        }
                    }
                } else {
                    _ = try scanner.skip()
                }
            }
        }
    }
}
