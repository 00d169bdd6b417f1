internal import CurlClient
internal import GatehouseAudit
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens

/// The calls of the demo, described in plain words and checked one by one.
struct DemoStory: Sendable {
    let port: Int
    let issuer: DemoIssuer
    let mcp: DemoMCP
    let store: any TokenStore
    let token: TokenName
    let database: String
    let usesColor: Bool
    let say: @Sendable (String) -> Void

    private static let person = "ada@example.com"
    private static let stranger = "mallory@example.net"
    private static let rotated = "second-demo-token"
    /// How long the demo waits for a rotation to be seen, and for the audit to be written.
    private static let patience: Duration = .seconds(10)

    func tell() async throws {
        say(
            bold("Gatehouse demo")
                + "  client ▸ 127.0.0.1:\(port) Gatehouse ▸ MCP server, an issuer like Cloudflare Access beside them"
        )
        let good = try assertion(Self.person)

        step(1, "\(Self.person) calls the tool whoami with a fresh assertion")
        let passed = try await call(good, status: 200)
        let received = try received(by: passed)
        shown("MCP server received", "\(DemoMCP.header): \(received[DemoMCP.header.lowercased()] ?? "-")")
        let credentials = received.keys.filter { $0.hasPrefix("cf-access") || $0 == "authorization" || $0 == "cookie" }
        shown(
            "of the caller's credentials",
            credentials.isEmpty ? "nothing" : credentials.sorted().joined(separator: ", ")
        )
        try require(credentials.isEmpty, "the MCP server received the caller's credentials")
        try require(
            received[DemoMCP.header.lowercased()] == "first-demo-token",
            "the MCP server did not receive the token"
        )

        step(2, "the same call without an assertion")
        _ = try await call(nil, status: 401)

        step(3, "with an assertion that ran out an hour ago")
        _ = try await call(
            try issuer.assertion(for: Self.person, issuedAt: now + .seconds(-7200), lasting: .seconds(3600)),
            status: 401
        )

        step(4, "\(Self.stranger) is signed in, but no grant of the route names them")
        _ = try await call(try assertion(Self.stranger), status: 403)

        step(5, "the token is rotated in the store while Gatehouse runs and a call streams its progress")
        async let streaming = call(good, tool: "watch", status: 200, quietly: true)
        _ = try await until("the stream to begin") { mcp.openWatches > 0 }
        let summary = try await store.rotate(
            token,
            to: Secret(Self.rotated),
            try TokenChange(actor: "demo", note: "rotation")
        )
        shown("token \(token)", "version \(summary.version), fingerprint \(summary.fingerprint?.description ?? "-")")
        let waited = try await until("the rotated token to reach the MCP server") {
            try await self.received(by: call(good, status: 200, quietly: true))[DemoMCP.header.lowercased()]
                == Self.rotated
        }
        shown("MCP server received", "\(DemoMCP.header): \(Self.rotated)  (\(waited) after the rotation, no restart)")
        let events = try await streaming.body.text.split(separator: "\n").filter { $0.hasPrefix("data: ") }
        try require(events.last?.contains("another key") == true, "the open stream was cut by the rotation")
        shown("stream open meanwhile", "\(events.count) events up to its own end, connection kept")

        step(6, "what the audit says of it")
        try await showAudit()
        say("")
        say("Every step did what it says.")
    }

    /// Prints commands that a person may try by hand while everything stays up.
    func invite(admin: Int, configuration: String) throws {
        say("")
        say(bold("Still running.") + " Try it; Ctrl-C ends it.")
        say("")
        say("  status page      http://127.0.0.1:\(admin)/")
        say("  configuration    \(configuration)")
        say("  its commands     gatehouse --config \(configuration) audit query")
        say("")
        say("  assertion='\(try assertion(Self.person))'")
        say("  curl -s http://127.0.0.1:\(port)/mcp -H 'Content-Type: application/json' \\")
        say("       -H \"Cf-Access-Jwt-Assertion: $assertion\" \\")
        say("       -d '\(Self.body("whoami"))'")
        say("")
        say("  curl -si http://127.0.0.1:\(port)/mcp -d '{}'      # without it")
    }

    // MARK: - Calls

    private static func body(_ tool: String) -> String {
        #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\#(tool)","arguments":{}}}"#
    }

    private var now: Timestamp { SystemClock().now() }

    private func assertion(_ email: String) throws -> String {
        try issuer.assertion(for: email, issuedAt: now, lasting: .seconds(3600))
    }

    private func call(
        _ assertion: String?,
        tool: String = "whoami",
        status: Int,
        quietly: Bool = false
    ) async throws -> CurlResponse {
        var headers = [
            CurlHeader("Content-Type", "application/json"), CurlHeader("Accept", "application/json, text/event-stream"),
            // Header fields that a client must not be able to pass on.
            CurlHeader("Authorization", "Bearer from-the-client"), CurlHeader(DemoMCP.header, "from-the-client"),
        ]
        if let assertion { headers.append(CurlHeader("Cf-Access-Jwt-Assertion", assertion)) }
        let body = CurlBody(Self.body(tool))
        var request = CurlRequest("http://127.0.0.1:\(port)/mcp", method: "POST", headers: headers, body: body)
        // A stream stays open as long as the demo waits for a rotation.
        request.timeout = Self.patience
        let response = try await CurlClient().perform(request)
        if !quietly {
            let code = response.status == 200 ? "" : "  " + String(response.body.text.prefix { $0 != "," }) + ", …}"
            shown("answer", "\(response.status)\(code)")
        }
        try require(response.status == status, "the answer was \(response.status), not \(status)")
        return response
    }

    /// The header fields that the MCP server says it received.
    private func received(by response: CurlResponse) throws -> [String: String] {
        var fields: [String: String] = [:]
        // The text of the answer's one content part is JSON of its own.
        let inner = try text(in: response.body.bytes)
        try Array(inner.utf8).withUnsafeBytes { bytes in
            var scanner = try JSONScanner(bytes)
            try scanner.beginObject()
            while let name = try scanner.nextMember() { fields[name.text] = try scanner.string().text }
        }
        return fields
    }

    private func text(in body: [UInt8]) throws -> String {
        try body.withUnsafeBytes { bytes in
            var scanner = try JSONScanner(bytes)
            return try Self.find("text", in: &scanner) ?? ""
        }
    }

    /// The first string member of that name, at any depth.
    private static func find(_ wanted: String, in scanner: inout JSONScanner) throws -> String? {
        switch scanner.next {
        case .object:
            try scanner.beginObject()
            while let name = try scanner.nextMember() {
                if name.text == wanted, scanner.next == .string { return try scanner.string().text }
                if let found = try find(wanted, in: &scanner) { return found }
            }
        case .array:
            try scanner.beginArray()
            while try scanner.nextElement() {
                if let found = try find(wanted, in: &scanner) { return found }
            }
        case _: _ = try scanner.skip()
        }
        return nil
    }

    // MARK: - Audit

    private func showAudit() async throws {
        let wanted: [(String, Reason?)] = [
            (Self.person, nil), ("", .assertionMissing), ("", .assertionExpired), (Self.stranger, .principalDenied),
        ]
        var rows: [AuditEvent] = []
        _ = try await until("the audit rows to be written") {
            rows = []
            guard let archive = try? EventDatabase.sqlite(path: database).archive() else { return false }
            try archive.messages(AuditQuery()) { row in
                rows.append(row)
                return true
            }
            return wanted.allSatisfy { principal, reason in
                rows.contains { $0.principal == principal && $0.reason == reason && $0.status != nil }
            }
                && [1, 2].allSatisfy { version in
                    rows.contains { $0.integer(.tokenVersion) == version && $0.status != nil }
                }
        }
        try require(
            rows.allSatisfy { ($0.isAllowed == true) == ($0.integer(.tokenVersion) != nil) },
            "the audit does not tell with which calls the token went"
        )
        var seen = Set<String>()
        for row in rows {
            // The calls that waited for the rotation are all alike.
            let token = row.integer(.tokenVersion).map { "  token \(row.text(.tokenName)) v\($0)" } ?? ""
            guard seen.insert("\(row.principal) \(row.reason?.rawValue ?? "")\(token)").inserted else { continue }
            let decision = row.isAllowed == true ? "allow" : "deny"
            let reason = row.reason.map { "  \($0.rawValue)" } ?? ""
            let who = row.principal.isEmpty ? "nobody" : row.principal
            shown(
                "…" + String(row.requestID.description.suffix(8)),
                "\(decision)  \(row.status ?? 0)  \(who)\(reason)\(token)"
            )
        }
    }

    // MARK: - Telling

    private func step(_ number: Int, _ words: String) {
        say("")
        say(bold("\(number). \(words)"))
    }

    private func shown(_ what: String, _ value: String) {
        say("   \(what)\(String(repeating: " ", count: max(0, 28 - what.count)))\(value)")
    }

    private func bold(_ text: String) -> String { usesColor ? "\u{1B}[1m\(text)\u{1B}[0m" : text }

    private func require(_ holds: Bool, _ failure: String) throws {
        if !holds { throw GatehouseError(.unusable, "the demo failed: \(failure)") }
    }

    /// Asks again and again until the condition holds.
    ///
    /// - Returns: how long it took, in words.
    private func until(_ what: String, _ condition: () async throws -> Bool) async throws -> String {
        let start = ContinuousClock.now
        while try await !condition() {
            try require(ContinuousClock.now - start < Self.patience, "waited \(Self.patience) for \(what)")
            try await Task.sleep(for: .milliseconds(50))
        }
        return "\((ContinuousClock.now - start).microseconds / 1000) ms"
    }
}
