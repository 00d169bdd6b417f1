import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

@Suite("A configuration read again", .needsTools, .timeLimit(.minutes(5)))
struct ReloadTests {
    private func ask(_ gateway: Instance, _ assertion: String) async throws -> Int {
        try await gateway.request("/two", method: "POST", assertion: assertion, body: "{}").status
    }

    private func readiness(_ gateway: Instance) async throws -> JSON {
        var request = CurlRequest("http://localhost/readyz")
        request.timeout = .seconds(45)
        request.unixSocket = "\(gateway.folder.path)/admin.sock"
        request.timeout = .seconds(60)
        return try JSON(parsing: try await CurlClient().perform(request).body.text)
    }

    @Test func `a symlink that moves brings a deny list into force, for verdicts already given too`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(.environment, server)
        let assertion = gateway.assertion()
        let folder = gateway.folder.path
        let yaml = try String(contentsOfFile: gateway.configuration, encoding: .utf8)
        #expect(try await ask(gateway, assertion) != 401)
        // No signal is sent in this test.
        let denying = yaml.replacing(
            "  issuer: \(TestIssuer.defaultIssuer)",
            with: "  deny: { users: [\"\(Instance.user)\"] }\n  issuer: \(TestIssuer.defaultIssuer)"
        )
        try gateway.folder.write(denying, to: "denying.yaml")
        try FileManager.default.createSymbolicLink(atPath: "\(folder)/next", withDestinationPath: "denying.yaml")
        try #require(rename("\(folder)/next", gateway.configuration) == 0)
        try await gateway.eventually { try await ask(gateway, assertion) == 401 }
        let refused = try await gateway.request("/two", method: "POST", assertion: assertion, body: "{}")
        let id = try #require(refused.header("x-request-id"))
        #expect(try await gateway.auditRows(of: id, count: 1).first?["reason"].text == "assertion_denied")

        // And back again, by a new target.
        try gateway.folder.write(yaml, to: "open.yaml")
        try FileManager.default.createSymbolicLink(atPath: "\(folder)/next", withDestinationPath: "open.yaml")
        try #require(rename("\(folder)/next", gateway.configuration) == 0)
        try await gateway.eventually { try await ask(gateway, assertion) != 401 }
        #expect(!gateway.process.hasEnded)

        // Both stand in the chain, with what they changed.
        var rows: [JSON] = []
        try await gateway.eventually {
            rows = try JSON.rows(try await gateway.command("audit", "query", "--kind", "change", "--json"))
            return rows.count >= 4
        }
        #expect(
            rows.map { $0["change"].text } == ["config_reload", "access_lost", "config_reload", "access_gained"]
        )
        #expect(rows.allSatisfy { $0["principal_kind"].text == "gatehouse" })
        #expect(rows[0]["target"].text == "access changed", "\(rows)")
        #expect(rows[1]["target"].text == "the user \(Instance.user) is denied")
        #expect(rows[3]["target"].text == "the user \(Instance.user) is denied no more")
        #expect(try await gateway.command("audit", "verify").contains("ok"))
    }

    @Test func `a deny list ends the streams of those whom it names and of nobody else`() async throws {
        try await withTaskExecutorPreference(BlockingExecutor.shared) {
            let upstream = try RawListener()
            let routes = """
                  - { name: events, host: "*", audience: ["\(TestIssuer.defaultAudience)"], upstream: "\(upstream.url)" }

                """
            let gateway = try await Instance.start(.environment, routes: routes)
            func open(_ user: String) throws -> (client: RawSocket, server: RawSocket) {
                let client = try RawSocket(connectingTo: .tcp(port: gateway.port))
                let head = "GET / HTTP/1.1\r\nHost: events.example\r\nAccept: text/event-stream\r\n"
                try client.send("\(head)Cf-Access-Jwt-Assertion: \(gateway.assertion(of: user))\r\n\r\n")
                let server = try upstream.accept()
                _ = try server.receive(through: "\r\n\r\n")
                try server.send(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                        + "b\r\ndata: one\n\n\r\n"
                )
                _ = try client.receive(through: "data: one\n\n")
                return (client, server)
            }
            let denied = try open(Instance.user)
            let other = try open(Instance.limitedUser)
            let yaml = try String(contentsOfFile: gateway.configuration, encoding: .utf8)
            let denying = yaml.replacing(
                "  issuer: \(TestIssuer.defaultIssuer)",
                with: "  deny: { users: [\"\(Instance.user)\"] }\n  issuer: \(TestIssuer.defaultIssuer)"
            )
            try gateway.folder.write(denying, to: "gatehouse.yaml")
            _ = try denied.client.receiveToEnd(orReset: true)
            try other.server.send("b\r\ndata: two\n\n\r\n")
            _ = try other.client.receive(through: "data: two\n\n")
        }
    }

    @Test func `a bad file is refused on the readiness page in words, and what waits for a restart is named`()
        async throws
    {
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(.environment, server)
        let yaml = try String(contentsOfFile: gateway.configuration, encoding: .utf8)
        try gateway.folder.write(yaml + "nonsense: true\n", to: "gatehouse.yaml")
        try await gateway.eventually {
            let check = try await readiness(gateway)["checks"]["configuration"]
            return check["detail"].text?.contains("unknown key 'nonsense'") ?? false
        }
        #expect(try await readiness(gateway)["ready"] == .bool(true))
        try gateway.folder.write(yaml + "threads: 9\n", to: "gatehouse.yaml")
        try await gateway.eventually {
            let check = try await readiness(gateway)["checks"]["configuration"]
            return check["detail"].text?.contains("threads") ?? false
        }
    }

    @Test func `one change is one reload, for the watch and a signal together`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(.environment, server)
        let yaml = try String(contentsOfFile: gateway.configuration, encoding: .utf8)
        func reloads() async throws -> [String: Int] {
            var request = CurlRequest("http://localhost/metrics")
            request.unixSocket = "\(gateway.folder.path)/admin.sock"
            request.timeout = .seconds(45)
            let text = try await CurlClient().perform(request).body.text
            return text.matches(of: #/gatehouse_config_reloads_total{result="(\w+)"} (\d+)/#)
                .reduce(into: [:]) { $0[String($1.output.1)] = Int($1.output.2) }
        }
        func says(_ words: String) async throws -> Bool {
            try await readiness(gateway)["checks"]["configuration"]["detail"].text?.contains(words) ?? false
        }
        // The watch sees it, and then a signal says the same.
        try gateway.folder.write(yaml + "threads: 9\n", to: "gatehouse.yaml")
        try await gateway.eventually { try await says("threads") }
        gateway.process.send(signal: SIGHUP)
        try await gateway.eventually { gateway.process.errors.text.contains("in force already") }
        // The next change ends the wait for whatever was still to come of the one before.
        try gateway.folder.write(yaml + "nonsense: true\n", to: "gatehouse.yaml")
        try await gateway.eventually { try await says("nonsense") }
        try gateway.folder.write(yaml + "# the end\n", to: "gatehouse.yaml")
        try await gateway.eventually { try await says("in force") }
        #expect(try await reloads() == ["taken": 2, "refused": 1])
    }

    // MARK: - The verb

    /// Runs `gatehouse reload`.
    private func reload(_ gateway: Instance, _ options: String...) async throws -> (
        exit: Int, output: String, errors: String
    ) {
        let process = try ChildProcess(
            Tools.gatehouse,
            ["reload", "--config", gateway.configuration] + options,
            environment: Instance.environment
        )
        guard case .code(let code) = await process.exit() else { return (-1, "", await process.errors.whole) }
        return (Int(code), await process.output.whole, await process.errors.whole)
    }

    @Test func `the verb has a file taken, says what changed, and says every error`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(.environment, server)
        #expect(try await reload(gateway).output == "nothing changed\n")
        let yaml = try String(contentsOfFile: gateway.configuration, encoding: .utf8)
        let denying = yaml.replacing(
            "  issuer: \(TestIssuer.defaultIssuer)",
            with: "  deny: { users: [\"\(Instance.user)\"] }\n  issuer: \(TestIssuer.defaultIssuer)"
        )
        try gateway.folder.write(denying + "threads: 9\n", to: "gatehouse.yaml")
        let taken = try await reload(gateway)
        #expect(taken.exit == 0, "\(taken.errors)")
        #expect(taken.output.contains("access changed\n") && taken.output.contains("waits for a restart: threads\n"))
        #expect(!taken.output.contains("wider"))
        // It is in force when the verb returns.
        #expect(try await ask(gateway, gateway.assertion()) == 401)
        try gateway.folder.write(yaml, to: "gatehouse.yaml")
        let back = try await reload(gateway)
        #expect(back.exit == 0 && back.output.contains("wider: the user \(Instance.user) is denied no more\n"))
        #expect(gateway.process.errors.text.contains("the new configuration widens access"))
        try gateway.folder.write(yaml + "nonsense: 1\nfurther: 2\n", to: "gatehouse.yaml")
        let invalid = try await reload(gateway)
        #expect(invalid.exit == 78)
        #expect(invalid.errors.contains("unknown key 'nonsense'") && invalid.errors.contains("unknown key 'further'"))
        let json = try JSON(parsing: try await reload(gateway, "--json").output)
        #expect(json["result"].text == "invalid" && json["problems"].elements.count == 2)
        #expect(try await ask(gateway, gateway.assertion()) != 401)
        // A broken file is not sickness: the instance is found by its run file.
        #expect(try await gateway.command("health").contains("ok"))
        gateway.process.send(signal: SIGTERM)
        #expect(await gateway.process.exit() == .code(0))
        let gone = try await reload(gateway)
        #expect(gone.exit == 1 && gone.errors.contains("no instance runs here"))
    }

    @Test func `a file that lost its end is held, and taken when it stays so`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(.environment, server)
        let stranger = gateway.assertion(of: "stranger@example.com")
        #expect(try await ask(gateway, stranger) == 403)
        let yaml = try String(contentsOfFile: gateway.configuration, encoding: .utf8)
        let cut = String(try #require(yaml.range(of: "    allow:").map { yaml[..<$0.lowerBound] }))
        try gateway.folder.write(cut, to: "gatehouse.yaml")
        let held = try await reload(gateway)
        #expect(held.exit == 1)
        #expect(held.errors.contains("the beginning of the one before") && held.errors.contains("--yes takes it now"))
        #expect(held.output.contains("wider: route 'two': everybody whom Access admits may use it"))
        #expect(try await ask(gateway, stranger) == 403)
        let detail = try await readiness(gateway)["checks"]["configuration"]["detail"].text
        #expect(detail?.contains("held") ?? false)
        // The whole file comes: nothing was ever open.
        try gateway.folder.write(yaml, to: "gatehouse.yaml")
        #expect(try await reload(gateway).output == "nothing changed\n")
        #expect(try await ask(gateway, stranger) == 403)
        // It was meant after all. Nobody says so, and it stays for as long as a copy never does.
        try gateway.folder.write(cut, to: "gatehouse.yaml")
        let began = ContinuousClock.now
        try await gateway.eventually { try await ask(gateway, stranger) != 403 }
        #expect(ContinuousClock.now - began >= .seconds(10))
    }

    @Test func `where the operator is asked, what widens waits for the word`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(
            .environment,
            server,
            options: [],
            routes: "reload: { widening: confirm }\n"
        )
        let stranger = gateway.assertion(of: "stranger@example.com")
        let yaml = try String(contentsOfFile: gateway.configuration, encoding: .utf8)
        try gateway.folder.write(
            yaml.replacing("\"*@team.example\"]", with: "\"*@team.example\", \"stranger@example.com\"]"),
            to: "gatehouse.yaml"
        )
        #expect(try await reload(gateway).exit == 1)
        #expect(try await ask(gateway, stranger) == 403)
        let taken = try await reload(gateway, "--yes")
        #expect(taken.exit == 0)
        #expect(taken.output.contains("wider: route 'two': the user stranger@example.com may use it\n"))
        #expect(try await ask(gateway, stranger) != 403)
    }

    @Test func `nothing but who reads the run file can have it reload, and names that are not ours are told nothing`()
        async throws
    {
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(
            .environment,
            server,
            options: [],
            routes: "admin_hosts: [gatehouse.monitoring]\n"
        )
        func ask(_ method: String, _ path: String, host: String = "localhost", key: String? = nil) async throws -> Int {
            var request = CurlRequest("http://localhost\(path)", method: method)
            request.timeout = .seconds(45)
            request.unixSocket = "\(gateway.folder.path)/admin.sock"
            request.headers = [CurlHeader("Host", host)] + (key.map { [CurlHeader("Gatehouse-Run-Key", $0)] } ?? [])
            if method == "POST" { request.body = CurlBody("") }
            return try await CurlClient().perform(request).status
        }
        let file = try JSON(parsing: String(contentsOfFile: "\(gateway.folder.path)/spool/run.json", encoding: .utf8))
        let key = try #require(file["key"].text)
        let reloads = gateway.process.errors.text.components(separatedBy: "reloaded").count
        for path in ["/reload", "/reload/confirmed"] {
            #expect(try await ask("POST", path) == 403)
            #expect(try await ask("POST", path, key: key.uppercased()) == 403)
            // A web page that had its name resolve to this machine; and no method of a link or an image does anything.
            #expect(try await ask("POST", path, host: "evil.example", key: key) == 421)
            #expect(try await ask("GET", path, key: key) == 405)
            #expect(try await ask("PUT", path, key: key) == 405)
        }
        #expect(gateway.process.errors.text.components(separatedBy: "reloaded").count == reloads)
        #expect(try await ask("POST", "/reload", key: key) == 200)
        #expect(try await ask("POST", "/readyz", key: key) == 405)
        for path in ["/metrics", "/readyz", "/"] {
            for host in ["localhost", "127.0.0.1:9090", "[::1]", "gatehouse.monitoring:9090", "Gatehouse.Monitoring."] {
                #expect(try await ask("GET", path, host: host) == 200, "\(path) under \(host)")
            }
            for host in ["evil.example", "gatehouse.monitoring.evil.example", "monitoring"] {
                #expect(try await ask("GET", path, host: host) == 421, "\(path) under \(host)")
            }
        }
        #expect(try await ask("GET", "/healthz", host: "evil.example") == 200)
    }

    @Test func `reloads under load drop nothing`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Instance.start(.environment, server)
        let assertion = gateway.assertion()
        let usual = try await ask(gateway, assertion)
        let yaml = try String(contentsOfFile: gateway.configuration, encoding: .utf8)
        let statuses = try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<4 {
                group.addTask {
                    var statuses: [Int] = []
                    for _ in 0..<25 { statuses.append(try await ask(gateway, assertion)) }
                    return statuses
                }
            }
            for round in 0..<10 {
                let limit = round.isMultiple(of: 2) ? "1MiB" : "2MiB"
                try gateway.folder.write(yaml + "    limits: { body: \(limit) }\n", to: "gatehouse.yaml")
                gateway.process.send(signal: SIGHUP)
                try await gateway.eventually {
                    gateway.process.errors.text.components(separatedBy: "reloaded").count > round + 1
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(statuses == Array(repeating: usual, count: 100))
        #expect(gateway.process.errors.text.contains("reloaded"))
        #expect(!gateway.process.errors.text.contains("not reloaded"))
    }
}
