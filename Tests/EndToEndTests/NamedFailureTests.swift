import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// What goes wrong is named with cause and remedy in the log, on /readyz, by `gatehouse status` and on the status page, before anybody calls.
@Suite("A failure is named", .needsKit, .timeLimit(.minutes(5)))
struct NamedFailureTests {
    /// An instance of a configuration that need not become ready.
    private final class Instance {
        let process: ChildProcess
        let folder: Kit.Folder

        init(_ folder: Kit.Folder, _ environment: [String: String] = [:], configuration: String? = nil) throws {
            self.folder = folder
            process = try ChildProcess(
                Kit.gatehouse,
                ["serve", "--config", configuration ?? "\(folder.path)/gatehouse.yaml"],
                environment: ["LC_ALL": "C.UTF-8"].merging(environment) { $1 }
            )
        }

        func page(_ path: String) async throws -> CurlResponse {
            var request = CurlRequest("http://localhost\(path)")
            request.unixSocket = "\(folder.path)/admin.sock"
            request.timeout = .seconds(45)
            return try await CurlClient().perform(request)
        }

        /// Waits until each of the four places has all of the words.
        func names(_ words: [String]) async throws {
            func has(_ text: String) -> Bool { words.allSatisfy { text.contains($0) } }
            try await process.eventually { has(self.process.errors.text) }
            try await process.eventually { has((try? await self.page("/readyz"))?.body.text ?? "") }
            for path in ["/", "/status.txt"] {
                let text = try await page(path).body.text
                #expect(has(text), "\(path): \(words) is not in \(text.suffix(3000))")
            }
        }
    }

    private func yaml(_ folder: Kit.Folder, certs: String, store: String = "{ kind: env }", routes: String) -> String {
        """
        version: 1
        listen: 127.0.0.1:0
        admin: unix:\(folder.path)/admin.sock
        access: { issuer: "\(TestIssuer.defaultIssuer)", certs_url: "\(certs)" }
        stores: { live: \(store) }
        store_refresh: 1s
        audit: { spool: \(folder.path)/spool, sink: { kind: sqlite, path: \(folder.path)/audit.db } }
        routes:
        \(routes)

        """
    }

    private func route(_ name: String, _ upstream: String = "http://127.0.0.1:1", token: Bool = true) -> String {
        """
          - name: \(name)
            host: \(name).example
            audience: ["\(TestIssuer.defaultAudience)"]
            upstream: \(upstream)
        """ + (token ? "\n    inject: { X-Key: \"{token}\" }" : "")
    }

    @Test func `a team's keys that cannot be had`() async throws {
        let folder = try Kit.Folder()
        let nobody = try DeadPort()
        let url = "http://127.0.0.1:\(nobody.number)/certs"
        try folder.write(yaml(folder, certs: url, routes: route("coda", token: false)), to: "gatehouse.yaml")
        let instance = try Instance(folder)
        try await instance.names([url, "the signing keys could not be fetched", "is access.team the first label"])
        #expect(try await instance.page("/readyz").status == 503)
    }

    @Test func `a store that cannot be opened`() async throws {
        let folder = try Kit.Folder()
        let certs = try await CertsServer.start(folder, [TestIssuer().key])
        // The known answer of a key's text, with its check digits.
        try folder.write("ghk1_000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fd50650a5", to: "key")
        chmod("\(folder.path)/key", 0o600)
        let keys = "[ { file: \(folder.path)/key } ]"
        let store = "{ kind: sqlite, path: \(folder.path)/nowhere/tokens.db, master_keys: \(keys) }"
        try folder.write(yaml(folder, certs: certs.url, store: store, routes: route("coda")), to: "gatehouse.yaml")
        let instance = try Instance(folder)
        try await instance.names(["live", "nowhere/tokens.db"])
        #expect(try await instance.page("/readyz").status == 503)
    }

    @Test func `a token that is missing, of a route that a reload adds too`() async throws {
        let folder = try Kit.Folder()
        let certs = try await CertsServer.start(folder, [TestIssuer().key])
        let one = yaml(folder, certs: certs.url, routes: route("one"))
        try folder.write(one, to: "gatehouse.yaml")
        let instance = try Instance(folder, ["ONE_API_TOKEN": "a-token"])
        try await instance.process.eventually {
            (try? await instance.page("/readyz"))?.body.text.contains(#""ready":true"#) ?? false
        }
        try folder.write(one + route("two") + "\n", to: "gatehouse.yaml")
        try await instance.names(["TWO_API_TOKEN", "needed by two"])
        let readiness = try await instance.page("/readyz")
        #expect(readiness.status == 200 && readiness.body.text.contains(#""ready":"degraded""#))
    }

    @Test func `a clock that is not that of Access`() async throws {
        let folder = try Kit.Folder()
        let certs = try await CertsServer.start(folder, [TestIssuer().key])
        try folder.write("-610", to: "certs.json.off")
        try folder.write(yaml(folder, certs: certs.url, routes: route("coda", token: false)), to: "gatehouse.yaml")
        let instance = try Instance(folder)
        try await instance.names(["s ahead of the certs server", "set the clock by NTP"])
        let readiness = try await instance.page("/readyz")
        #expect(readiness.status == 200 && readiness.body.text.contains(#""ready":"degraded""#))
        let metrics = try await instance.page("/metrics").body.text
        let line = try #require(metrics.firstMatch(of: #/gatehouse_clock_skew_seconds{source="certs"} ([0-9.]+)/#))
        let skew = try #require(Double(line.1))
        #expect((605...640).contains(skew))
    }

    @Test func `a token store whose file is taken away, and comes back`() async throws {
        let gateway = try await Gateway.start(.sqlite, try await MCPServer.start(.one))
        let tokens = "\(gateway.folder.path)/gatehouse.db"
        func readiness() async throws -> String {
            var request = CurlRequest("http://localhost/readyz")
            request.unixSocket = "\(gateway.folder.path)/admin.sock"
            return try await CurlClient().perform(request).body.text
        }
        func call() async throws -> Int {
            try await gateway.request("/one/mcp", assertion: gateway.assertion()).status
        }
        let before = try await call()
        #expect(before != 503)
        try FileManager.default.moveItem(atPath: tokens, toPath: "\(tokens).away")
        try await gateway.eventually { try await readiness().contains("was removed or renamed while it was in use") }
        // The last good tokens serve, and nothing was put in the place of the file.
        #expect(try await call() == before)
        #expect(!FileManager.default.fileExists(atPath: tokens))
        try FileManager.default.moveItem(atPath: "\(tokens).away", toPath: tokens)
        try await gateway.eventually { try await readiness().contains("was replaced while it was in use") }
        #expect(try await call() == before)
    }

    @Test func `a file that was replaced behind its mount`() async throws {
        let folder = try Kit.Folder()
        let certs = try await CertsServer.start(folder, [TestIssuer().key])
        try folder.write(yaml(folder, certs: certs.url, routes: route("coda", token: false)), to: "gatehouse.yaml")
        let descriptor = open("\(folder.path)/gatehouse.yaml", O_RDONLY)
        defer { close(descriptor) }
        // What a mount of the file alone shows once the file has been replaced: an inode without a name.
        unlink("\(folder.path)/gatehouse.yaml")
        let path = "/proc/\(getpid())/fd/\(descriptor)"
        let instance = try Instance(folder, configuration: path)
        try await instance.names([path, "the container still sees the old one: mount the folder"])
    }

    @Test func `an upstream that is not there, and one that answers 5xx`() async throws {
        let nobody = try DeadPort()
        let server = try RawListener()
        let answering = Task(executorPreference: BlockingExecutor.shared) {
            while !Task.isCancelled {
                guard let socket = try? server.accept(within: 1) else { continue }
                guard (try? socket.receive(through: "\r\n\r\n")) != nil else { continue }
                try? socket.send("HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                socket.close()
            }
        }
        defer { answering.cancel() }
        let routes = """
              - { name: gone, host: "*", path: /gone, protocol: http, audience: ["\(TestIssuer.defaultAudience)"], upstream: "http://127.0.0.1:\(nobody.number)" }
              - { name: ill, host: "*", path: /ill, protocol: http, audience: ["\(TestIssuer.defaultAudience)"], upstream: "\(server.url)" }

            """
        let gateway = try await Gateway.start(.environment, routes: routes)
        #expect(try await gateway.request("/gone", assertion: gateway.assertion()).status == 502)
        #expect(try await gateway.request("/ill", assertion: gateway.assertion()).status == 503)
        #expect(try await gateway.request("/ill").status == 401)
        try await gateway.eventually {
            let log = gateway.process.errors.text
            return [
                "http://127.0.0.1:\(nobody.number)", "connect: Connection refused", "upstream_error", "it answered 503",
                "requests refused", "assertion_missing",
            ]
            .allSatisfy { log.contains($0) }
        }
        for path in ["/readyz", "/", "/status.txt"] {
            var request = CurlRequest("http://localhost\(path)")
            request.unixSocket = "\(gateway.folder.path)/admin.sock"
            request.timeout = .seconds(45)
            let text = try await CurlClient().perform(request).body.text
            #expect(text.contains("upstream_unreachable: connect: Connection refused"), "\(text.suffix(2000))")
            #expect(text.contains("upstream_error: it answered 503"))
        }
    }

    @Test func `each request is in the access log when the configuration asks for it, from a reload on`() async throws {
        let server = try await MCPServer.start(.two)
        let gateway = try await Gateway.start(.environment, server)
        let yaml = try String(contentsOfFile: gateway.configuration, encoding: .utf8)
        try gateway.folder.write(yaml + "log: { requests: all }\n", to: "gatehouse.yaml")
        try await gateway.eventually {
            _ = try await gateway.request("/two", method: "POST", assertion: gateway.assertion(), body: "{}")
            return gateway.process.errors.text.contains(#""duration_us":"#)
        }
    }
}
