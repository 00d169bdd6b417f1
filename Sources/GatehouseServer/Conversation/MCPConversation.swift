internal import CurlClient
package import GatehouseCore
internal import GatehouseMCP

/// One conversation with an MCP server, of either era: what begins with `initialize` and may keep a session (to 2025-11-25), or messages that
/// stand for themselves (from 2026-07-28 on). Each step says how long it took.
package struct MCPConversation {
    static let handshakeVersion = "2025-11-25"
    static let plainVersion = "2026-07-28"
    /// A server that knows only other versions says so by this code (2026-07-28, schema).
    private static let unsupportedVersion = -32_022
    private static let methodNotFound = -32_601
    /// Bytes of an answer.
    private static let maximumBody = 16 << 20
    /// Pages of a list; a server that gives more, or the same one again and again, is not asked further.
    private static let maximumPages = 100

    private let place: MCPPlace
    private let client: String
    private let clientVersion: String
    private var session: String?
    /// The stream of a server that speaks only the legacy transport, and its address for posts.
    private var legacy: (stream: LegacyStream, endpoint: String)?
    private var version = MCPConversation.handshakeVersion
    private var lastID = 0
    private var lastStatus = 0
    package private(set) var steps: [CallStep] = []

    /// - Parameter client: the name by which the server is asked.
    package init(_ place: MCPPlace, client: String = "gatehouse-call", clientVersion: String) {
        self.place = place
        self.client = client
        self.clientVersion = clientVersion
    }

    private var isPlain: Bool { version >= Self.plainVersion }

    /// - Parameter version: the one to speak; nil to begin with `initialize` and to speak the new era to a server that knows only that.
    package mutating func open(_ wanted: String?) async throws(CallFailure) {
        if let wanted { version = wanted }
        if isPlain { return try await discover() }
        do throws(CallFailure) { try await initialize() } catch {
            // A client falls back to the legacy transport on these statuses (2025-11-25, transports, backwards compatibility).
            guard [400, 404, 405].contains(lastStatus), await openLegacy() else { throw error }
            try await initialize()
        }
    }

    private mutating func initialize() async throws(CallFailure) {
        let answer = try await ask("initialize", accepting: [Self.unsupportedVersion, Self.methodNotFound]) {
            [client, clientVersion] json in
            json.string("protocolVersion", Self.handshakeVersion)
            json.object("capabilities") { _ in }
            Self.clientInfo(client, clientVersion, "clientInfo", &json)
        }
        if answer.error != nil, legacy == nil {
            version = Self.plainVersion
            return try await discover()
        }
        if let agreed = answer.result?["protocolVersion"]?.text { version = agreed }
        note(
            "protocol \(version), \(Self.server(answer.result?["serverInfo"]))"
                + (session == nil ? "" : ", keeps a session") + (legacy == nil ? "" : ", legacy HTTP+SSE")
        )
        try await notify("notifications/initialized")
    }

    /// - Returns: whether the same address has a stream that begins by saying where messages are posted.
    private mutating func openLegacy() async -> Bool {
        var request = request("GET", [])
        request.headers.removeAll { $0.name == "Accept" }
        request.headers.append(CurlHeader("Accept", "text/event-stream"))
        let start = ContinuousClock.now
        do throws(CallFailure) {
            legacy = try await LegacyStream.open(request, timeout: place.timeout)
        } catch {
            return false
        }
        steps.removeAll { $0.name == "initialize" }
        steps.append(CallStep("stream", took: .now - start))
        note("answers come on it")
        return true
    }

    private mutating func discover() async throws(CallFailure) {
        let result = try await ask("server/discover") { _ in }.result
        let info = result?["serverInfo"] ?? result?["_meta"]?["io.modelcontextprotocol/serverInfo"]
        note("protocol \(version), \(Self.server(info)), no sessions")
    }

    /// Names of all tools, page by page.
    package mutating func tools() async throws(CallFailure) -> [String] {
        var names: [String] = []
        try await pages { answer in
            names += answer.result?["tools"]?.elements.compactMap { $0["name"]?.text } ?? []
            return true
        }
        note("\(names.count) tools")
        return names
    }

    /// The definitions of all tools as the data path reads them, page by page.
    ///
    /// - Parameters:
    ///   - seen: those that were read, also when a later page fails.
    ///   - patience: no further page is asked for when it is over.
    /// - Returns: the number of entries that cannot be read.
    package mutating func definitions(
        _ seen: inout SeenTools,
        among pins: RoutePins,
        within patience: Duration
    ) async throws(CallFailure) -> Int {
        let end = ContinuousClock.now + patience
        var unreadable = 0
        let isWhole = try await pages { answer in
            unreadable += ToolList.read(answer.message, into: &seen, among: pins)
            return ContinuousClock.now < end
        }
        guard isWhole else {
            throw CallFailure(
                "its list of tools has no end, or takes too long",
                advice: "the server's own log says why"
            )
        }
        return unreadable
    }

    /// - Returns: whether the last page was read.
    @discardableResult
    private mutating func pages(_ take: (MCPAnswer) -> Bool) async throws(CallFailure) -> Bool {
        var cursor: String?
        for _ in 0..<Self.maximumPages {
            let answer = try await ask("tools/list") { json in if let cursor { json.string("cursor", cursor) } }
            let goesOn = take(answer)
            guard let next = answer.result?["nextCursor"]?.text else { return true }
            guard goesOn, next != cursor else { return false }
            cursor = next
        }
        return false
    }

    /// - Returns: the result, as the server gave it.
    package mutating func call(_ tool: String, _ arguments: JSONValue) async throws(CallFailure) -> JSONValue {
        let result =
            try await ask("tools/call", name: tool) { json in
                json.string("name", tool)
                json.value("arguments", arguments)
            }.result ?? .null
        note(result["isError"] == .bool(true) ? "the tool itself says that it failed" : "answered")
        return result
    }

    /// Ends the session, when there is one. Its answer changes nothing.
    package mutating func close() async {
        legacy?.stream.close()
        guard let session else { return }
        var request = request("DELETE", [])
        request.headers.append(CurlHeader("Mcp-Session-Id", session))
        _ = try? await CurlClient().perform(request)
        self.session = nil
    }

    // MARK: - One message

    /// - Parameter accepting: codes of errors that are an answer, too.
    private mutating func ask(
        _ method: String,
        name: String? = nil,
        accepting codes: [Int] = [],
        _ params: (inout JSONText) -> Void
    ) async throws(CallFailure) -> MCPAnswer {
        lastID += 1
        let id = lastID
        var request = post(method, id: id, name: name, params)
        request.isEnough = { MCPAnswer.hasCome(to: id, in: $0) }
        let response = try await send(method, request)
        if method == "initialize" { session = response.header("mcp-session-id") }
        guard let answer = try await answer(to: id, method, response) else {
            throw failed(method, .init(status: response.status, response))
        }
        if let code = answer.errorCode, !codes.contains(code) || response.status == 401 {
            throw failed(method, .init(status: response.status, response, says: "\(code): \(answer.errorMessage)"))
        }
        guard answer.error != nil || (200..<300).contains(response.status) else {
            throw failed(method, .init(status: response.status, response))
        }
        return answer
    }

    /// Reads the answer from the response, or from the stream of the legacy transport.
    private mutating func answer(
        to id: Int,
        _ method: String,
        _ response: CurlResponse
    ) async throws(CallFailure) -> MCPAnswer? {
        guard let legacy, (200..<300).contains(response.status) else { return MCPAnswer(to: id, in: response) }
        let start = ContinuousClock.now
        defer { steps[steps.count - 1].took += .now - start }
        do throws(CallFailure) { return try await legacy.stream.answer(to: id, within: place.timeout) } catch {
            throw failed(method, error)
        }
    }

    private mutating func notify(_ method: String) async throws(CallFailure) {
        let response = try await send(method, post(method, id: nil, name: nil) { _ in })
        guard (200..<300).contains(response.status) else {
            throw failed(method, .init(status: response.status, response))
        }
        steps.removeLast()
    }

    private mutating func send(_ method: String, _ request: CurlRequest) async throws(CallFailure) -> CurlResponse {
        let start = ContinuousClock.now
        do throws(CurlError) {
            let response = try await CurlClient().perform(request)
            lastStatus = response.status
            steps.append(CallStep(method, took: .now - start))
            return response
        } catch {
            steps.append(CallStep(method, took: .now - start))
            throw failed(method, CallFailure(error))
        }
    }

    private mutating func note(_ detail: String) { steps[steps.count - 1].detail = detail }

    private mutating func failed(_ method: String, _ failure: CallFailure) -> CallFailure {
        steps[steps.count - 1].failure = failure
        return failure
    }

    private func post(_ method: String, id: Int?, name: String?, _ params: (inout JSONText) -> Void) -> CurlRequest {
        var json = JSONText()
        json.object { json in
            json.string("jsonrpc", "2.0")
            if let id { json.number("id", id) }
            json.string("method", method)
            json.object("params") { json in
                params(&json)
                guard isPlain else { return }
                json.object("_meta") { meta in
                    meta.string("io.modelcontextprotocol/protocolVersion", version)
                    Self.clientInfo(client, clientVersion, "io.modelcontextprotocol/clientInfo", &meta)
                    meta.object("io.modelcontextprotocol/clientCapabilities") { _ in }
                }
            }
        }
        var request = request("POST", json.bytes)
        if method != "initialize" { request.headers.append(CurlHeader("MCP-Protocol-Version", version)) }
        if let session { request.headers.append(CurlHeader("Mcp-Session-Id", session)) }
        if isPlain {
            request.headers.append(CurlHeader("Mcp-Method", method))
            if let name { request.headers.append(CurlHeader("Mcp-Name", MirroredFields.written(name))) }
        }
        return request
    }

    private func request(_ method: String, _ body: [UInt8]) -> CurlRequest {
        let url = method == "POST" ? legacy?.endpoint ?? place.url : place.url
        var request = CurlRequest(url, method: method, headers: place.headers)
        if !body.isEmpty {
            request.body = CurlBody(body)
            request.headers.append(CurlHeader("Content-Type", "application/json"))
        }
        request.headers.append(CurlHeader("Accept", "application/json, text/event-stream"))
        request.unixSocket = place.unixSocket
        request.authoritiesFile = place.authoritiesFile
        request.connectHost = place.connectHost
        request.timeout = place.timeout
        request.connectTimeout = place.connectTimeout
        request.maximumBody = Self.maximumBody
        return request
    }

    private static func clientInfo(
        _ client: String,
        _ version: String,
        _ name: String,
        _ json: inout JSONText
    ) {
        json.object(name) { info in
            info.string("name", client)
            info.string("version", version)
        }
    }

    private static func server(_ info: JSONValue?) -> String {
        guard let name = info?["name"]?.text else { return "a server without a name" }
        return "server \(name)" + (info?["version"]?.text.map { " \($0)" } ?? "")
    }
}
