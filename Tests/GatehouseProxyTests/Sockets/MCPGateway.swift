import GatehouseCore
import GatehouseMCP
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// A gateway whose one route speaks MCP.
enum MCPGateway {
    /// The policy that allows tools, prompts and resources by these patterns; nil allows all.
    static func policy(_ globs: [String]?) -> Policy {
        let list = globs.map { $0.map { Glob($0) } }
        return Policy(grants: [
            Grant(users: [Glob("*")], serviceTokens: [], tools: list, prompts: list, resources: list)
        ])
    }

    /// The policy that allows `create_row` with a `docId` that begins with `AbC`.
    static func ruledPolicy() throws -> Policy {
        let id = ArgumentRules.Rule(
            try MemberPath(parsing: "docId"),
            .oneOf([.text(ArgumentPattern(Glob("AbC*")))])
        )
        let tools = [Grant.Tool(Glob("create_row"), arguments: try ArgumentRules([id])), Grant.Tool(Glob("get_*"))]
        return Policy(grants: [Grant(Grant.Callers(users: [Glob("*")]), tools: tools)])
    }

    static func run(
        _ globs: [String]? = nil,
        limits: ServerLimits = ServerLimits(),
        routeLimits: RouteLimits = RouteLimits(),
        timeouts: RouteTimeouts = RouteTimeouts(),
        upstreamPath: String = "",
        path: String = "/",
        errorsAs200: Bool = false,
        _ body: (Gateway) async throws -> Void
    ) async throws {
        try await Gateway.run(
            limits: limits,
            routes: { upstream in
                [
                    try Gateway.route(
                        upstream.url + upstreamPath,
                        path: path,
                        policy: policy(globs),
                        limits: routeLimits,
                        timeouts: timeouts,
                        speech: .mcp,
                        answersErrorsAs200: errorsAs200
                    )
                ]
            },
            body
        )
    }

    static func request(_ method: String, id: String = "1", params: String? = nil) -> String {
        #"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)"\#(params.map { ",\"params\":\($0)" } ?? "")}"#
    }

    static func call(_ tool: String, id: String = "1") -> String {
        call(tool, id: id, #"{"q": 1}"#)
    }

    static func call(_ tool: String, id: String = "1", _ arguments: String) -> String {
        request("tools/call", id: id, params: #"{"name":"\#(tool)","arguments":\#(arguments)}"#)
    }

    static func json(_ body: String, _ fields: String...) -> String {
        let head = fields.map { "\($0)\r\n" }.joined()
        return
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\(head)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }
}

extension Gateway {
    /// Sends a request that must not reach the upstream, and returns its answer.
    /// Sends a message that reaches the upstream as it is.
    func passes(_ client: RawSocket, body: String) throws {
        try client.send(Gateway.post(body: body))
        let connection = try upstream.accept()
        _ = try connection.receive(through: "\r\n\r\n")
        try connection.receive(exactly: body)
        try connection.send(Gateway.okay.closing)
        #expect(try client.receiveAnswer().status == 200)
    }

    func refused(_ client: RawSocket, _ request: String) throws -> RawAnswer {
        try client.send(request)
        let answer = try client.receiveAnswer()
        #expect(!upstream.hasConnection)
        return answer
    }
}

extension String {
    /// An answer after which its connection ends: one that was kept would be closed with the test's socket just as the next request is sent over it, and a
    /// POST is not sent twice.
    var closing: String {
        replacing("HTTP/1.1 200 OK\r\n", with: "HTTP/1.1 200 OK\r\nConnection: close\r\n", maxReplacements: 1)
    }
}
