import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseProxy

/// A route whose token is each caller's own.
@Suite struct PersonalTokenTests {
    struct Asked: Sendable {
        let owner: TokenOwner?
        let version: Int
        let stays: @Sendable () -> Void
    }

    static let coda: TokenName = {
        guard let name = try? TokenName(parsing: "coda") else { preconditionFailure("a name") }
        return name
    }()

    static let address = "https://coda.example/.gatehouse/"

    private func owner(_ who: String) throws -> TokenOwner {
        try #require(TokenOwner(subject: "sub-\(who)@example.com"))
    }

    private func tokens(_ entries: [String: PersonalTokens.Entry]) throws -> PersonalTokens {
        var owners: [TokenOwner: PersonalTokens.Entry] = [:]
        for (who, entry) in entries { owners[try owner(who)] = entry }
        return PersonalTokens([Self.coda: owners])
    }

    private func own(_ text: String, version: Int = 1, renews: Bool = false) throws -> PersonalTokens.Entry {
        .usable(try TokenValue(validating: Secret(text), version: version), renews: renews)
    }

    private func run(
        _ entries: [String: PersonalTokens.Entry],
        speech: Route.Speech = .mcp,
        fallsBack: Bool = false,
        inject: [String: String] = ["X-Coda-Api-Key": "{token}", "X-Who": "{email}"],
        threads: Int = 1,
        _ body: (Gateway, Watched<[Asked]>) async throws -> Void
    ) async throws {
        let asked = Watched<[Asked]>([])
        try await Gateway.run(
            threads: threads,
            renewal: { _, owner, version, stays in
                asked.update { $0.append(Asked(owner: owner, version: version, stays: stays)) }
            }
        ) { gateway in
            let route = try Gateway.route(gateway.upstream.url, inject: inject, speech: speech)
            gateway.server.replaceSnapshot(try Gateway.snapshot([route], fallsBack: fallsBack))
            gateway.server.replacePersonal(try tokens(entries))
            // Each loop has them by then.
            _ = try await gateway.server.onEachLoop { _ in 0 }
            try await body(gateway, asked)
            asked.update { $0 = [] }
        }
    }

    private func post(_ body: String, as caller: String = "alice", _ fields: String...) -> String {
        let fields = fields + ["Content-Length: \(body.utf8.count)", "Content-Type: application/json"]
        return Gateway.request("POST", fields, as: caller) + body
    }

    private func rpc(_ answer: RawAnswer) throws -> JSONValue {
        try #require(JSONValue(parsing: Array(answer.text.utf8)))
    }

    // MARK: - Whose token

    @Test func `two people over one upstream connection each have their own token sent`() async throws {
        try await run(["alice": try own("token-of-alice"), "bob": try own("token-of-bob")]) { gateway, _ in
            var connection: RawSocket?
            for (who, client) in [("alice", try gateway.client()), ("bob", try gateway.client())] {
                try client.send(post(MCPGateway.call("add"), as: who))
                let upstream = try connection ?? gateway.upstream.accept()
                let request = try upstream.receive(through: MCPGateway.call("add"))
                #expect(request.contains("X-Coda-Api-Key: token-of-\(who)\r\n"))
                #expect(request.contains("X-Who: \(who)@example.com\r\n"))
                #expect(!request.contains("token-of-\(who == "bob" ? "alice" : "bob")"))
                try upstream.send(MCPGateway.json(#"{"jsonrpc":"2.0","id":1,"result":{}}"#))
                #expect(try client.receiveAnswer().status == 200)
                connection = upstream
            }
            #expect(gateway.audit.decisions.map { $0.token?.text } == ["coda", "coda"])
        }
    }

    /// Each loop keeps what it chose and rendered for a caller.
    @Test func `a token that changed or went is never sent again to who was sent it before`() async throws {
        try await run([:]) { gateway, _ in
            let client = try gateway.client()
            var upstream: RawSocket?
            for token in ["one", "one", "two", nil, "three"] {
                let entry = try token.map { try own("token-\($0)", version: $0.utf8.count) }
                gateway.server.replacePersonal(try tokens(entry.map { ["alice": $0] } ?? [:]))
                _ = try await gateway.server.onEachLoop { _ in 0 }
                for _ in 0..<2 {
                    try client.send(post(MCPGateway.call("add")))
                    guard let token else {
                        #expect(try rpc(try client.receiveAnswer())["error"]?["code"] == .number("4010"))
                        continue
                    }
                    let server = try upstream ?? gateway.upstream.accept()
                    upstream = server
                    #expect(
                        try server.receive(through: MCPGateway.call("add")).contains(
                            "X-Coda-Api-Key: token-\(token)\r\n"
                        )
                    )
                    try server.send(Gateway.okay)
                    #expect(try client.receiveAnswer().status == 200)
                }
            }
        }
    }

    @Test func `lines that hold the assertion hold the one of this request`() async throws {
        let fields = ["X-Coda-Api-Key": "{token}", "X-Assertion": "{assertion}"]
        try await run(["alice": try own("token-of-alice")], inject: fields) { gateway, _ in
            let alice = ScriptedCallers.person("alice@example.com")
            let client = try gateway.client()
            var upstream: RawSocket?
            for assertion in ["first", "second", "first"] {
                gateway.callers[assertion] = .caller(alice)
                try client.send(post(MCPGateway.call("add"), as: assertion))
                let server = try upstream ?? gateway.upstream.accept()
                upstream = server
                #expect(try server.receive(through: MCPGateway.call("add")).contains("X-Assertion: \(assertion)\r\n"))
                try server.send(Gateway.okay)
                #expect(try client.receiveAnswer().status == 200)
            }
        }
    }

    @Test(arguments: [true, false])
    func `what operators have set serves who has none only where the configuration says so`(falls: Bool) async throws {
        try await run(["alice": try own("token-of-alice")], fallsBack: falls) { gateway, _ in
            let client = try gateway.client()
            try client.send(post(MCPGateway.call("add"), as: "bob"))
            guard falls else {
                let answer = try client.receiveAnswer()
                #expect(answer.status == 200)
                #expect(try rpc(answer)["error"]?["code"] == .number("4010"))
                return
            }
            let upstream = try gateway.upstream.accept()
            #expect(
                try upstream.receive(through: MCPGateway.call("add")).contains("X-Coda-Api-Key: \(Gateway.token)\r\n")
            )
            try upstream.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
    }

    /// Their own was taken from them, or ended: what is then done in the name of all would be done by nobody.
    @Test func `who has had an own token gets no shared one`() async throws {
        try await run(["alice": .needsConnecting, "bob": .unavailable], fallsBack: true) { gateway, _ in
            let client = try gateway.client()
            try client.send(post(MCPGateway.call("add")))
            let error = try rpc(try client.receiveAnswer())["error"]
            #expect(error?["data"]?["reason"] == .string("token_needs_connecting"))
            try client.send(post(MCPGateway.call("add"), as: "bob"))
            #expect(try client.receiveAnswer().status == 503)
        }
    }

    @Test func `nobody is asked to connect before it is known who has a token`() async throws {
        try await run([:]) { gateway, _ in
            gateway.server.replacePersonal(.none)
            _ = try await gateway.server.onEachLoop { _ in 0 }
            let client = try gateway.client()
            try client.send(post(MCPGateway.call("add")))
            let answer = try client.receiveAnswer()
            #expect(answer.status == 503)
            #expect(!answer.text.contains("4010"))
        }
    }

    @Test(arguments: [Principal.Kind.service, .bearer])
    func `a machine has the token that an operator set for it, and a bearer none`(kind: Principal.Kind) async throws {
        try await run([:]) { gateway, _ in
            let machine = Principal(kind: kind, name: "id.access", subject: kind == .bearer ? "sub" : "")
            let expiry = Timestamp(seconds: 4_102_444_800)
            gateway.callers["machine"] = .caller(Caller(principal: machine, expiresAt: expiry, keyID: "k"))
            let owner = try #require(TokenOwner(service: "id.access"))
            gateway.server.replacePersonal(PersonalTokens([Self.coda: [owner: try own("token-of-machine")]]))
            _ = try await gateway.server.onEachLoop { _ in 0 }
            let client = try gateway.client()
            try client.send(post(MCPGateway.call("add"), as: "machine"))
            guard kind == .service else {
                #expect(try rpc(try client.receiveAnswer())["error"]?["code"] == .number("4010"))
                return
            }
            let upstream = try gateway.upstream.accept()
            #expect(try upstream.receive(through: MCPGateway.call("add")).contains("token-of-machine"))
            try upstream.send(Gateway.okay)
            #expect(try client.receiveAnswer().status == 200)
        }
    }

    // MARK: - Without a token

    @Test func `a call without a token is answered with the address, and nothing goes up`() async throws {
        try await run([:]) { gateway, _ in
            let client = try gateway.client()
            try client.send(post(MCPGateway.call("add", id: #""a\u0041""#)))
            let answer = try client.receiveAnswer()
            #expect(answer.status == 200)
            #expect(answer.text.contains(#""id":"a\u0041""#))
            let error = try rpc(answer)["error"]
            #expect(error?["code"] == .number("4010"))
            #expect(error?["data"]?["url"] == .string(Self.address))
            #expect(error?["data"]?["reason"] == .string("token_missing"))
            if case .string(let message)? = error?["message"] { #expect(message.contains(Self.address)) }
            #expect(try await gateway.idle() == 0)
        }
    }

    @Test(arguments: ["initialize", "ping", "tools/list", "prompts/list", "resources/list", "resources/templates/list"])
    func `what a client begins with goes up without a token, and a 401 to it asks to connect`(method: String)
        async throws
    {
        try await run([:]) { gateway, _ in
            let client = try gateway.client()
            let body = MCPGateway.request(method)
            try client.send(post(body))
            let upstream = try gateway.upstream.accept()
            let request = try upstream.receive(through: body)
            #expect(!request.contains("X-Coda-Api-Key"))
            #expect(request.contains("X-Who: alice@example.com\r\n"))
            try upstream.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
            let answer = try client.receiveAnswer()
            #expect(answer.status == 200)
            #expect(try rpc(answer)["error"]?["code"] == .number("4010"))
        }
    }

    /// A batch is as its boldest message.
    @Test func `a batch with one call does not go up without a token`() async throws {
        try await run([:]) { gateway, _ in
            let client = try gateway.client()
            try client.send(post("[\(MCPGateway.request("ping")),\(MCPGateway.call("add", id: "2"))]"))
            let answer = try client.receiveAnswer()
            guard case .array(let answers) = try rpc(answer) else {
                Issue.record("no batch")
                return
            }
            #expect(answers.map { $0["error"]?["code"] } == [.number("4010"), .number("4010")])
        }
    }

    @Test func `plain HTTP without a token is refused with a status that starts no sign-in`() async throws {
        try await run([:], speech: .http) { gateway, _ in
            let client = try gateway.client()
            try client.send(Gateway.get())
            #expect(try client.receiveAnswer().status == 403)
        }
    }

    // MARK: - Clients that open addresses

    private static let capable =
        #""_meta":{"io.modelcontextprotocol/clientCapabilities":{"elicitation":{"url":{}}}}"#

    private func modern(_ method: String, _ name: String, _ params: String) -> String {
        let body = #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":{\#(params)}}"#
        return post(body, as: "alice", "MCP-Protocol-Version: 2026-07-28", "Mcp-Method: \(method)", "Mcp-Name: \(name)")
    }

    @Test(arguments: [
        ("tools/call", "add", #""name":"add""#), ("prompts/get", "add", #""name":"add""#),
        ("resources/read", "file:///a", #""uri":"file:///a""#),
    ])
    func `a client of 2026-07-28 is asked to open the address, and its next try goes up as the first`(
        method: String,
        name: String,
        target: String
    ) async throws {
        try await run([:]) { gateway, _ in
            let client = try gateway.client()
            try client.send(modern(method, name, "\(target),\(Self.capable)"))
            let answer = try client.receiveAnswer()
            let result = try rpc(answer)["result"]
            #expect(result?["resultType"] == .string("input_required"))
            let request = result?["inputRequests"]?["gatehouse-connect"]
            #expect(request?["method"] == .string("elicitation/create"))
            #expect(request?["params"]?["mode"] == .string("url"))
            #expect(request?["params"]?["url"] == .string(Self.address))
            guard case .string(let state)? = result?["requestState"] else {
                Issue.record("no state")
                return
            }
            // Not yet connected: asked again at once it would go round in circles.
            let again =
                #"\#(target), "requestState" : "\#(state)" ,"inputResponses":{"gatehouse-connect":{"action":"accept"}},\#(Self.capable)"#
            try client.send(modern(method, name, again))
            #expect(try rpc(try client.receiveAnswer())["error"]?["code"] == .number("4010"))
            gateway.server.replacePersonal(try tokens(["alice": try own("token-of-alice")]))
            _ = try await gateway.server.onEachLoop { _ in 0 }
            try client.send(modern(method, name, again))
            let upstream = try gateway.upstream.accept()
            let body = #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":{\#(target),\#(Self.capable)}}"#
            let received = try upstream.receive(through: body)
            #expect(received.contains("Content-Length: \(body.utf8.count)\r\n"))
            #expect(received.contains("token-of-alice"))
            try upstream.send(MCPGateway.json(#"{"jsonrpc":"2.0","id":1,"result":{}}"#))
            #expect(try client.receiveAnswer().status == 200)
            // The state of one call is of no other, and of no other caller.
            let stolen = modern(method, name, again).replacing("Assertion: alice", with: "Assertion: bob")
            try client.send(stolen)
            #expect(try rpc(try client.receiveAnswer())["error"]?["code"] == .number("-32602"))
        }
    }

    @Test
    func `a client of 2026-07-28 that opens no addresses, and a method that may not ask, get the address in words`()
        async throws
    {
        try await run([:]) { gateway, _ in
            let client = try gateway.client()
            try client.send(modern("tools/call", "add", #""name":"add""#))
            #expect(try rpc(try client.receiveAnswer())["error"]?["code"] == .number("4010"))
            try client.send(modern("completion/complete", "", "\(Self.capable)").replacing("Mcp-Name: \r\n", with: ""))
            #expect(try rpc(try client.receiveAnswer())["error"]?["code"] == .number("4010"))
        }
    }

    @Test(arguments: [true, false])
    func `a session of 2025-11-25 remembers whether its client opens addresses`(opens: Bool) async throws {
        try await run([:]) { gateway, _ in
            let client = try gateway.client()
            let capabilities = opens ? #"{"elicitation":{"url":{}}}"# : #"{"elicitation":{}}"#
            let begin = MCPGateway.request("initialize", params: #"{"capabilities":\#(capabilities)}"#)
            try client.send(post(begin))
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: begin)
            try upstream.send(MCPGateway.json(#"{"jsonrpc":"2.0","id":1,"result":{}}"#, "Mcp-Session-Id: s-1"))
            let session = try #require(try client.receiveAnswer().values("Mcp-Session-Id").first)
            try client.send(
                post(
                    MCPGateway.call("add"),
                    as: "alice",
                    "Mcp-Session-Id: \(session)",
                    "MCP-Protocol-Version: 2025-11-25"
                )
            )
            let error = try rpc(try client.receiveAnswer())["error"]
            #expect(error?["code"] == .number(opens ? "-32042" : "4010"))
            guard opens, case .array(let asked)? = error?["data"]?["elicitations"], let one = asked.first else {
                return
            }
            #expect(one["mode"] == .string("url"))
            #expect(one["url"] == .string(Self.address))
            guard case .string(let id)? = one["elicitationId"] else {
                Issue.record("no id")
                return
            }
            // The stream of the session says when it is done.
            let listener = try gateway.client()
            try listener.send(
                Gateway.request(
                    "GET",
                    ["Mcp-Session-Id: \(session)", "MCP-Protocol-Version: 2025-11-25", "Accept: text/event-stream"]
                )
            )
            let second = try gateway.upstream.next(among: [upstream])
            _ = try second.receive(through: "\r\n\r\n")
            try second.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            _ = try listener.receive(through: ":\n\n")
            gateway.server.replacePersonal(try tokens(["alice": try own("token-of-alice")]))
            let told = try listener.receive(through: "}}\n\n")
            #expect(told.contains("notifications/elicitation/complete"))
            #expect(told.contains(id))
            second.close()
        }
    }

    // MARK: - The page

    @Test func `the client's document is everybody's, and nothing else below the page`() async throws {
        try await Gateway.run { gateway in
            let path = try PathPrefix(parsing: "/.gatehouse")
            let json = Array(#"{"client_id":"x"}"#.utf8)
            let page = Route.connectPage(
                host: try Host(parsing: "coda.example"),
                path: path,
                audiences: ["aud"],
                document: Route.PublicDocument(path: path.folder + "client.json", json: json)
            )
            gateway.server.replaceSnapshot(try Gateway.snapshot([page]))
            _ = try await gateway.server.onEachLoop { _ in 0 }
            let client = try gateway.client()
            try client.send("GET /.gatehouse/client.json HTTP/1.1\r\nHost: coda.example\r\n\r\n")
            let answer = try client.receiveAnswer()
            #expect(answer.status == 200)
            #expect(Array(answer.text.utf8) == json)
            for line in [
                "GET /.gatehouse/client.jso", "GET /.gatehouse/client.json/a", "GET /.gatehouse/",
                "DELETE /.gatehouse/client.json",
            ] {
                try client.send("\(line) HTTP/1.1\r\nHost: coda.example\r\n\r\n")
                #expect(try client.receiveAnswer().status == 401, "\(line)")
            }
        }
    }

    // MARK: - Ended

    @Test func `a rejected own token that renews itself is renewed for its owner alone`() async throws {
        try await run(["alice": try own("old-of-alice", renews: true), "bob": try own("token-of-bob", renews: true)]) {
            gateway,
            asked in
            let client = try gateway.client()
            let call = MCPGateway.call("add")
            try client.send(post(call))
            let first = try gateway.upstream.accept()
            #expect(try first.receive(through: call).contains("old-of-alice"))
            try first.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
            try asked.wait("the renewal to be asked for") { $0.count == 1 }
            let alice = try owner("alice")
            #expect(asked.read { $0.first?.owner } == alice)
            gateway.server.replacePersonal(
                try tokens([
                    "alice": try own("new-of-alice", version: 2, renews: true),
                    "bob": try own("token-of-bob", renews: true),
                ])
            )
            let again = try gateway.upstream.accept()
            #expect(try again.receive(through: call).contains("X-Coda-Api-Key: new-of-alice\r\n"))
            try again.send(MCPGateway.json(#"{"jsonrpc":"2.0","id":1,"result":{}}"#))
            #expect(try client.receiveAnswer().status == 200)
        }
    }

    @Test func `a rejected own token that nothing renews asks its owner to connect anew`() async throws {
        try await run(["alice": try own("pasted-of-alice")]) { gateway, asked in
            let client = try gateway.client()
            let call = MCPGateway.call("add")
            try client.send(post(call))
            let upstream = try gateway.upstream.accept()
            _ = try upstream.receive(through: call)
            try upstream.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
            let error = try rpc(try client.receiveAnswer())["error"]
            #expect(error?["code"] == .number("4010"))
            #expect(error?["data"]?["reason"] == .string("token_needs_connecting"))
            #expect(asked.read(\.count) == 0)
        }
    }

    @Test func `a stream ends when its owner takes the token back, and another's goes on`() async throws {
        try await run(["alice": try own("token-of-alice"), "bob": try own("token-of-bob")]) { gateway, _ in
            var streams: [(client: RawSocket, upstream: RawSocket)] = []
            for who in ["alice", "bob"] {
                let client = try gateway.client()
                try client.send(Gateway.request("GET", ["Accept: text/event-stream"], as: who))
                let upstream = try gateway.upstream.accept()
                _ = try upstream.receive(through: "\r\n\r\n")
                try upstream.send(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                )
                _ = try client.receive(through: ":\n\n")
                streams.append((client, upstream))
            }
            gateway.server.replacePersonal(try tokens(["bob": try own("token-of-bob")]))
            _ = try streams[0].client.receiveToEnd(orReset: true)
            try streams[1].upstream.send("11\r\ndata: still here\n\r\n2\r\n\n\n\r\n")
            #expect(try streams[1].client.receive(through: "still here").contains("still here"))
            streams[1].upstream.close()
        }
    }
}
