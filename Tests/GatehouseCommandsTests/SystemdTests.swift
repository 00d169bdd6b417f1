import Foundation
import Glibc
import Testing

/// The unit as systemd reads it, and commands under the account and in the surroundings that it gives, as docs/OAUTH_SOP.md describes.
@Suite("The systemd unit", .timeLimit(.minutes(2)))
struct SystemdTests {
    private static let analyze = "/usr/bin/systemd-analyze"

    private static func unit() throws -> String {
        try String(contentsOfFile: "\(DocumentTests.root)/deploy/gatehouse.service", encoding: .utf8)
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: analyze), "no systemd: apt-get install systemd"))
    func `is one that systemd takes without a word, with little exposed`() async throws {
        let fixture = try CommandFixture()
        let path = "\(fixture.path)/gatehouse.service"
        try fixture.write(
            try Self.unit().replacing("/usr/local/bin/gatehouse", with: Command.binary),
            to: "gatehouse.service"
        )
        // The man page is installed with the binary.
        let verified = try await fixture.run(["verify", "--man=no", path], by: Self.analyze)
        #expect(verified.exit == 0 && verified.errors.isEmpty, "\(verified)")
        // The exposure level, out of ten; 1.2 as of systemd 252.
        let secure = try await fixture.run(
            ["security", "--offline=true", "--threshold=15", "--no-pager", path],
            by: Self.analyze
        )
        #expect(secure.exit == 0, "\(secure.output.suffix(300))")
    }

    @Test func `has the surroundings that the recipe for other commands repeats`() throws {
        let sop = try String(contentsOfFile: "\(DocumentTests.root)/docs/OAUTH_SOP.md", encoding: .utf8)
        for line in try Self.unit().split(separator: "\n") {
            guard let match = line.wholeMatch(of: #/(DynamicUser|StateDirectory|LoadCredential|EnvironmentFile)=(.+)/#)
            else { continue }
            #expect(sop.contains("--property=\(match.output.1)=\(match.output.2)"), "\(line)")
        }
        #expect(sop.contains("--setenv=GATEHOUSE_CONFIG=/etc/gatehouse/gatehouse.yaml"))
        #expect(try Self.unit().contains("Environment=GATEHOUSE_CONFIG=/etc/gatehouse/gatehouse.yaml"))
    }

    /// An account without name or home, no capability, a state folder of its own, a key that only it reads, a configuration that root owns.
    @Test(.enabled(if: getuid() == 0, "only root may become another account"))
    func `the account of the unit sets, serves, reads and saves`() async throws {
        let account: uid_t = 64_123
        let fixture = try CommandFixture()
        let path = fixture.path
        chmod(path, 0o755)
        for folder in ["state", "credentials", "runtime"] {
            try FileManager.default.createDirectory(atPath: "\(path)/\(folder)", withIntermediateDirectories: false)
        }
        #expect(try await fixture.run("key", "generate", "--out", "\(path)/credentials/gatehouse_key").exit == 0)
        for name in ["state", "runtime", "credentials", "credentials/gatehouse_key"] {
            chown("\(path)/\(name)", account, account)
        }
        chmod("\(path)/credentials/gatehouse_key", 0o400)
        try fixture.write(
            """
            version: 1
            listen: unix:\(path)/runtime/proxy.sock
            admin: unix:\(path)/runtime/admin.sock
            access: { issuer: "https://example.cloudflareaccess.com", certs_url: "http://127.0.0.1:1/certs" }
            stores:
              live:
                kind: sqlite
                path: \(path)/state/gatehouse.db
                master_keys: [{ file: "${CREDENTIALS_DIRECTORY}/gatehouse_key" }]
            audit: { spool: \(path)/state/spool, sink: { kind: sqlite, path: \(path)/state/audit.db } }
            routes:
              - name: coda
                host: coda.example.com
                audience: [\(CommandFixture.audience)]
                upstream: http://127.0.0.1:1
                inject: { X-Key: "{token}" }

            """,
            to: "unit.yaml"
        )
        chmod("\(path)/unit.yaml", 0o644)
        let environment = [
            "GATEHOUSE_CONFIG": "\(path)/unit.yaml", "CREDENTIALS_DIRECTORY": "\(path)/credentials",
        ]
        let become = [
            "--reuid=\(account)", "--regid=\(account)", "--clear-groups", "--no-new-privs", "--bounding-set=-all",
            "--inh-caps=-all", Command.binary,
        ]
        func gatehouse(_ arguments: String..., input: String = "") async throws -> Command.Outcome {
            try await fixture.run(become + arguments, by: "/usr/bin/setpriv", input: input, environment: environment)
        }
        #expect(try await gatehouse("check").exit == 0)
        let set = try await gatehouse("token", "set", "coda", input: "a value")
        #expect(set.exit == 0, "\(set.errors)")
        let streams = ["in", "out", "err"].map { "\(path)/serve.\($0)" }
        for stream in streams { _ = FileManager.default.createFile(atPath: stream, contents: nil) }
        let pid = try fixture.start(
            become + ["serve"],
            by: "/usr/bin/setpriv",
            environment: environment,
            streams: streams
        )
        defer { kill(pid, SIGKILL) }
        var health = try await gatehouse("health")
        while !health.output.contains("store: 1 token") {
            try #require(kill(pid, 0) == 0, "\(fixture.read("serve.err"))")
            health = try await gatehouse("health")
        }
        // Beside it: what reads the store, and what speaks to the instance.
        for arguments in [
            ["token", "list"], ["bearer", "list"], ["status"], ["audit", "query"], ["backup", "\(path)/state/saved"],
        ] {
            let outcome = try await fixture.run(
                become + arguments,
                by: "/usr/bin/setpriv",
                environment: environment
            )
            #expect(outcome.exit == 0, "\(arguments) \(outcome.errors)")
        }
        // Root finds the same instance; what needs no key works without one.
        for arguments in [["status"], ["explain", "--route", "coda", "--email", "ada@example.com"]] {
            let outcome = try await fixture.run(arguments, environment: environment)
            #expect(outcome.exit == 0, "\(arguments) \(outcome.errors)")
        }
        let doctor = try await gatehouse("doctor")
        #expect(doctor.output.contains("token") && !doctor.output.contains("cannot be written"), "\(doctor.output)")
        kill(pid, SIGTERM)
        #expect(await Command.exit(of: pid) == 0)
        // Nobody else's file has come to be in the state folder.
        let files = try FileManager.default.subpathsOfDirectory(atPath: "\(path)/state")
        #expect(!files.isEmpty)
        for name in files {
            let owner = try FileManager.default.attributesOfItem(atPath: "\(path)/state/\(name)")[.ownerAccountID]
            #expect(owner as? UInt32 == account || owner as? Int == Int(account), "\(name)")
        }
    }
}
