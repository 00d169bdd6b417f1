import GatehouseCore
import Testing

@testable import GatehouseMCP

/// The facts that phases ask of a message beside its target: whether it opens a stream, asks for a task, may be answered with lists.
@Suite struct MessageFactTests {
    private static func message(_ body: String) throws -> RPCMessage {
        try Array(body.utf8).withUnsafeBytes { bytes in
            var found: [RPCMessage] = []
            try RPCGate.scan(bytes, allowsBatch: true).forEach { found.append($0) }
            return try #require(found.first)
        }
    }

    private static func request(_ method: String, _ params: String = "{}", more: String = "") -> String {
        #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":\#(params)\#(more)}"#
    }

    private static func notification(_ method: String) -> String { #"{"jsonrpc":"2.0","method":"\#(method)"}"# }

    private static let response = #"{"jsonrpc":"2.0","id":1,"result":{}}"#

    @Test func `only a request to listen opens a stream`() throws {
        #expect(try Self.message(Self.request("subscriptions/listen")).isListen)
        #expect(try !Self.message(Self.notification("subscriptions/listen")).isListen)
        #expect(try !Self.message(Self.request("ping")).isListen)
        #expect(try !Self.message(Self.response).isListen)
    }

    @Test func `a body has requests when one of its messages waits for an answer`() throws {
        func hasRequests(_ body: String) throws -> Bool {
            try Array(body.utf8).withUnsafeBytes { try RPCGate.scan($0, allowsBatch: true).hasRequests }
        }
        #expect(try hasRequests(Self.request("ping")))
        #expect(try !hasRequests(Self.notification("x")))
        #expect(try !hasRequests(Self.response))
        #expect(try hasRequests("[\(Self.notification("x")),\(Self.request("ping"))]"))
        #expect(try !hasRequests("[\(Self.notification("x")),\(Self.notification("y"))]"))
    }

    @Test func `a call asks for a task with an object and with nothing else`() throws {
        func asks(_ task: String) throws -> Bool {
            try Self.message(Self.request("tools/call", #"{"name":"a"\#(task)}"#)).asksForTask
        }
        #expect(try asks(#","task":{}"#) && asks(#","task":{"ttl":5}"#))
        for other in ["", #","task":null"#, #","task":5"#, #","task":[]"#] { #expect(try !asks(other)) }
        #expect(try !Self.message(Self.response).asksForTask && !Self.message(Self.request("ping")).asksForTask)
    }

    @Test func `a member beside those of JSON-RPC is known to be there`() throws {
        #expect(try Self.message(Self.request("ping", more: #","x":1"#)).hasOtherMembers)
        for body in [Self.request("ping"), Self.response, Self.notification("x")] {
            #expect(try !Self.message(body).hasOtherMembers)
        }
    }

    /// The answer to a call is the result of what was called; that to an unknown method may be anything.
    @Test func `who may not see all is guarded where the answer may hold lists`() throws {
        let tools = Grant(users: [Glob("*")], serviceTokens: [], tools: [Glob("x")], prompts: nil, resources: nil)
        let limited = Permits(Policy(grants: [tools]), of: Principal(kind: .user, name: "ann@example.com"))
        let free = Permits(.everyone, of: .nobody)
        for (method, expected) in [
            ("tools/list", true), ("prompts/list", false), ("resources/list", false), ("x/y", true),
            ("tasks/result", true),
            ("initialize", true), ("tools/call", false), ("resources/read", false), ("completion/complete", false),
        ] {
            let message = try Self.message(Self.request(method, #"{"name":"x","uri":"x"}"#))
            #expect(message.mayBeAnsweredWithLists(beyond: limited) == expected, "\(method)")
            #expect(!message.mayBeAnsweredWithLists(beyond: free), "\(method)")
        }
        for body in [Self.response, Self.notification("x/y"), Self.notification("tools/list")] {
            #expect(try !Self.message(body).mayBeAnsweredWithLists(beyond: limited))
        }
    }

    // MARK: - Versions

    @Test(
        arguments: [
            ("2024-11-05", false, false, false, false), ("2025-03-26", true, false, false, false),
            ("2025-06-18", false, false, false, false), ("2025-11-24", false, false, false, false),
            ("2025-11-25", false, true, true, false), ("2025-11-26", false, true, false, false),
            ("2026-07-27", false, true, false, false), ("2026-07-28", false, true, false, true),
            ("2026-07-29", false, true, false, true),
            // No dates.
            ("2026-07-2:", false, false, false, false), ("2026-07-2/", false, false, false, false),
            ("2026-07-28x", false, false, false, false), ("2026-07-2", false, false, false, false),
            ("2026:07:28", false, false, false, false), ("", false, false, false, false),
        ]
    )
    func `a version has what it brought, from its day on`(
        text: String,
        batches: Bool,
        tasks: Bool,
        errors: Bool,
        mirrors: Bool
    ) {
        let version = Array(text.utf8).withUnsafeBytes { ProtocolVersion($0) }
        #expect(version.hasBatches == batches)
        #expect(version.hasTasks == tasks)
        #expect(version.elicitsByError == errors)
        #expect(version.mirrorsBody == mirrors)
        let none = ProtocolVersion.unstated
        #expect(none.hasBatches && !none.hasTasks && !none.elicitsByError && !none.mirrorsBody)
    }
}
