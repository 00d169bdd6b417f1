import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// A browser before two instances on one PostgreSQL, which answer in turn: what one of them begins, the other one ends.
@Suite(
    "Connecting at two instances",
    .needsAuthlib,
    .needsPostgres,
    .enabled(if: Chromium.path != nil, "no chromium: apt-get install chromium"),
    .timeLimit(.minutes(5))
)
struct ConnectedReplicasTests {
    fileprivate final class Fixture: Sendable {
        static let host = "mcp.example.com"

        // Before the folder, because they are released before it.
        let instances: [ChildProcess]
        let edge: ChildProcess
        let port: Int
        let folder: Tools.Folder
        let vendor: AuthorizationServer
        private let postgres: PostgresServer
        private let certs: CertsServer
        private let issuer = TestIssuer()

        init() async throws {
            folder = try Tools.Folder()
            postgres = try await PostgresServer.start()
            certs = try await CertsServer.start(folder, [issuer.key])
            vendor = try await AuthorizationServer.start(folder, lifetime: 6, key: issuer.key)
            let key = try ChildProcess(Tools.gatehouse, ["key", "generate", "--out", "\(folder.path)/key"])
            #expect(await key.exit() == .code(0))
            var instances: [ChildProcess] = []
            for name in Self.names {
                try folder.write(
                    Self.yaml(name, folder.path, vendor.url, certs.url, postgres.url),
                    to: "\(name).yaml"
                )
                let process = try ChildProcess(
                    Tools.gatehouse,
                    ["serve", "--config", "\(folder.path)/\(name).yaml"],
                    environment: ["LC_ALL": "C.UTF-8"]
                )
                let socket = "\(folder.path)/\(name)-admin.sock"
                try #require(await Instance.isReady(process, socket: socket), "\(process.errors.text)")
                instances.append(process)
            }
            self.instances = instances
            let place = folder.path
            edge = try ChildProcess(
                try Tools.python(.two),
                [Tools.script("edge.py"), place] + Self.names.map { "\(place)/\($0).sock" },
                environment: ["PYTHONDONTWRITEBYTECODE": "1", "ASSERTION": Self.assertion(issuer, "ada")]
            )
            port = try #require(try JSON(parsing: try await edge.firstLine())["port"].number)
        }

        static let names = ["one", "two"]

        private static func yaml(
            _ name: String,
            _ folder: String,
            _ vendor: String,
            _ certs: String,
            _ postgres: String
        ) -> String {
            """
            version: 1
            listen: unix:\(folder)/\(name).sock
            admin: unix:\(folder)/\(name)-admin.sock
            access: { issuer: \(TestIssuer.defaultIssuer), certs_url: "\(certs)" }
            stores:
              kept: { kind: postgres, url: "\(postgres)", master_keys: [ { file: \(folder)/key } ] }
            store: kept
            store_refresh: 1s
            tokens:
              own: { per: person, connect: { kind: oauth, resource: "\(vendor)/api", client: { registration: dynamic } } }
            audit: { spool: \(folder)/\(name)-spool, sink: { kind: postgres, url: "\(postgres)" } }
            routes:
              - name: own
                host: \(host)
                audience: ["\(TestIssuer.defaultAudience)"]
                upstream: \(vendor)/api
                protocol: http
                inject: { Authorization: "Bearer {token}" }

            """
        }

        private static func assertion(_ issuer: TestIssuer, _ name: String) -> String {
            issuer.user(
                "\(name)@example.com",
                now: Int64(Date.now.timeIntervalSince1970),
                lasting: 3600,
                with: ["sub": "\"sub-of-\(name)\""]
            )
        }

        /// The status of a call to one of the instances.
        func call(_ instance: String, as name: String = "ada") async throws -> Int {
            var request = CurlRequest("http://\(Self.host)/")
            request.unixSocket = "\(folder.path)/\(instance).sock"
            request.timeout = .seconds(60)
            request.headers = [CurlHeader("Cf-Access-Jwt-Assertion", Self.assertion(issuer, name))]
            return try await CurlClient().perform(request).status
        }

        func eventually(_ status: Int) async throws {
            for (name, process) in zip(Self.names, instances) {
                try await process.eventually { try await call(name) == status }
            }
        }

        func browse(_ steps: String...) async throws -> JSON {
            let process = try ChildProcess(
                try #require(Tools.pythonAuthorization),
                [
                    Tools.script("browser.py"), try #require(Chromium.path),
                    "\(folder.path)/browser-\(UUID().uuidString)", "https://\(Self.host)/.gatehouse/",
                ] + steps,
                environment: ["PYTHONDONTWRITEBYTECODE": "1", "HOST": Self.host, "PORT": "\(port)"]
            )
            let exit = await process.exit()
            let (output, errors) = (await process.output.whole, await process.errors.whole)
            #expect(exit == .code(0), "\(errors)")
            return try JSON(parsing: output)
        }

        /// The instances that answered requests whose line ends like this.
        func instances(answering end: String) throws -> Set<Int> {
            let lines = try edge.output.text.split(separator: "\n").dropFirst().map { try JSON(parsing: String($0)) }
            return Set(lines.filter { $0["request"].text?.hasSuffix(end) == true }.compactMap { $0["instance"].number })
        }
    }

    @Test func `somebody connects at both, and disconnects from both`() async throws {
        let fixture = try await Fixture()
        #expect(try await fixture.call("one") == 403)
        let connected = try await fixture.browse(
            "click form[action$=connect] button",
            "click button[value=Allow]",
            "wait [role=status]"
        )
        #expect(connected["text"].text?.contains("own is connected.") == true, "\(connected)")
        let blocked = connected["problems"].elements.compactMap(\.text).filter { $0.contains("Policy") }
        #expect(blocked == [])
        #expect(try fixture.instances(answering: "/.gatehouse/connect") != fixture.instances(answering: "/callback"))
        try await fixture.eventually(200)
        for name in Fixture.names { #expect(try await fixture.call(name, as: "eve") == 403) }
        #expect(try await fixture.vendor.count("register") == 1)
        // Each renewal is made by one of them, and none shows a token that the other has used: the vendor would end it all.
        try await fixture.instances[0].eventually { try await fixture.vendor.count("refresh_token") >= 2 }
        try await fixture.eventually(200)
        #expect(try await fixture.vendor.asked.filter { $0.kind == "refresh_token" }.allSatisfy { $0.status == 200 })
        let gone = try await fixture.browse(
            "click summary.end",
            "click form[action$=disconnect] button",
            "wait [role=status]"
        )
        #expect(gone["text"].text?.contains("ended at the vendor") == true, "\(gone)")
        try await fixture.eventually(403)
    }
}
