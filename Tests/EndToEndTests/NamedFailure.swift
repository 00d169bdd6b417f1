import CurlClient
import Foundation
import GatehouseTestSupport
import Synchronization
import Testing

/// Something that goes wrong, how it is brought about, and the words of its cause and its remedy.
struct NamedFailure: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// The change to the configuration that causes the failure. A failure that exists from the start has no other cause.
    var draft: @Sendable (inout Draft) -> Void = { _ in }
    /// The change to the configuration at this path before it is served.
    var prepares: (@Sendable (_ path: String) async throws -> Void)?
    /// Leads an instance that is ready to where it is about to happen. This takes time that is not the failure's.
    var nears: (@Sendable (Fixture) async throws -> Void)?
    /// Brings it about in an instance that is ready; nil when it is there from the start.
    var happens: (@Sendable (Fixture) async throws -> Void)?
    let words: @Sendable (Fixture) -> [String]
    /// The status of `/readyz` while the failure lasts.
    var status = 200
    /// Further lines that the log has, said once as it happens.
    var log: [String] = []

    /// The parts of the configuration that a failure changes.
    struct Draft: Sendable {
        var certs: String
        var store = "{ kind: env }"
        var sink: String
        /// More keys of `audit`.
        var audit = ""
        var routes: [String]
        var more = ""
        /// Whether root's instance has no capability, as in a container: with them it may use what others own.
        var isUnprivileged = false
        let folder: String
        let server: String
        let deadPort: Int

        var yaml: String {
            """
            version: 1
            listen: unix:\(folder)/proxy.sock
            admin: unix:\(folder)/admin.sock
            access: { issuer: "\(TestIssuer.defaultIssuer)", certs_url: "\(certs)" }
            stores: { live: \(store) }
            store_refresh: 1s
            audit: { spool: \(folder)/spool/own, sink: \(sink)\(audit) }
            \(more)
            routes:
            \(routes.joined(separator: "\n"))

            """
        }

        /// A store whose tokens are set by the command.
        mutating func usesDatabase() {
            store = "{ kind: sqlite, path: \(folder)/tokens.db, master_keys: [ { file: \(folder)/key } ] }"
        }

        static func route(_ name: String, _ upstream: String, token: String? = "{token}") -> String {
            """
              - name: \(name)
                host: "*"
                path: /\(name)
                protocol: http
                audience: ["\(TestIssuer.defaultAudience)"]
                upstream: \(upstream)
            """ + (token.map { "\n    inject: { X-Key: \"\($0)\" }" } ?? "")
        }
    }

    /// A running `gatehouse serve` with the servers and files around it.
    final class Fixture: Sendable {
        let process: ChildProcess
        let folder: Tools.Folder
        let draft: Draft
        let path: String
        private let issuer: TestIssuer
        private let descriptor: Int32

        init(_ draft: Draft, _ folder: Tools.Folder, _ issuer: TestIssuer, unlinked: Bool) throws {
            self.folder = folder
            self.draft = draft
            self.issuer = issuer
            let file = "\(folder.path)/gatehouse.yaml"
            try folder.write(draft.yaml, to: "gatehouse.yaml")
            descriptor = open(file, O_RDONLY)
            // A mount of a single file shows this once the file has been replaced: an inode without a name.
            if unlinked { unlink(file) }
            path = unlinked ? "/proc/\(getpid())/fd/\(descriptor)" : file
            let words = ["serve", "--config", path]
            let environment = ["LC_ALL": "C.UTF-8", "ONE_API_TOKEN": "a-token-of-one"]
            process =
                draft.isUnprivileged
                ? try Instance.unprivileged(words, environment: environment)
                : try ChildProcess(Tools.gatehouse, words, environment: environment)
        }

        deinit { close(descriptor) }

        func change(_ change: (inout Draft) -> Void) throws {
            var draft = draft
            change(&draft)
            try folder.write(draft.yaml, to: "gatehouse.yaml")
        }

        func page(_ path: String) async throws -> CurlResponse { try await ask(path, "admin.sock", []) }

        /// - Parameter status: nil where it depends on which of two notices first.
        func call(_ path: String, answers status: Int?) async throws {
            let answer = try await ask(path, "proxy.sock", [assertion])
            if let status { #expect(answer.status == status) }
        }

        /// Calls with long arguments until one is refused.
        func fillSpool(_ path: String) async throws {
            let text = String(repeating: "x", count: 15_000)
            let call = """
                {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":"\(text)"}}}
                """
            var status = 200
            while status == 200 {
                status = try await withThrowingTaskGroup { group in
                    for _ in 0..<32 {
                        group.addTask { [self] in
                            try await ask(path, "proxy.sock", [assertion], body: CurlBody(call)).status
                        }
                    }
                    return try await group.reduce(0) { max($0, $1) }
                }
            }
            #expect(status == 503)
        }

        private var assertion: CurlHeader {
            let text = issuer.user("ada@example.com", now: Int64(Date.now.timeIntervalSince1970))
            return CurlHeader("Cf-Access-Jwt-Assertion", text)
        }

        private func ask(
            _ path: String,
            _ socket: String,
            _ headers: [CurlHeader],
            body: CurlBody? = nil
        ) async throws -> CurlResponse {
            let type = body.map { _ in [CurlHeader("Content-Type", "application/json")] } ?? []
            var request = CurlRequest(
                "http://localhost\(path)",
                method: body == nil ? "GET" : "POST",
                headers: headers + type,
                body: body
            )
            request.unixSocket = "\(folder.path)/\(socket)"
            request.timeout = .seconds(45)
            return try await CurlClient().perform(request)
        }

        /// The present text at a place where an operator looks.
        func text(of place: String) async -> String {
            if place == "log" { return Self.plain(process.errors.text) }
            return Self.plain((try? await page(place))?.body.text ?? "")
        }

        static let places = ["log", "/readyz", "/status.txt", "/"]

        /// Without the escapes of JSON and of HTML, and without the links of the page.
        private static func plain(_ text: String) -> String {
            text.replacing(#/<a [^>]*>|<\/a>/#, with: "").replacing("&#39;", with: "'").replacing("&quot;", with: "\"")
                .replacing("&gt;", with: ">").replacing("&lt;", with: "<").replacing("&amp;", with: "&")
                .replacing("\\\"", with: "\"").replacing("\\/", with: "/")
        }

        /// How long its threads were ready to run and the machine ran others.
        var withheld: Duration {
            let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process.pid)/task")) ?? []
            let delays = tasks.compactMap { task -> Int64? in
                let line = try? String(contentsOfFile: "/proc/\(process.pid)/task/\(task)/schedstat", encoding: .utf8)
                return line?.split(separator: " ").dropFirst().first.flatMap { Int64($0) }
            }
            return .nanoseconds(delays.reduce(0, +))
        }
    }
}

extension NamedFailure {
    static let all: [NamedFailure] = atStart + ofUpstreams + ofReloads + ofTheAudit

    private static let certsAdvice = "is access.team the first label of the team's domain"

    private static let atStart: [NamedFailure] = [
        NamedFailure(
            testDescription: "a team that there is not, whose keys answer 404",
            draft: { $0.certs = "\($0.server)/nothing" },
            words: { ["\($0.draft.server)/nothing: the signing keys", "404", certsAdvice] },
            status: 503
        ),
        NamedFailure(
            testDescription: "a team whose name does not resolve",
            draft: { $0.certs = "https://exmaple.invalid/certs" },
            words: { _ in ["https://exmaple.invalid/certs: the signing keys could not be fetched", certsAdvice] },
            status: 503
        ),
        NamedFailure(
            testDescription: "an issuer that cannot be reached",
            draft: { $0.certs = "http://127.0.0.1:\($0.deadPort)/certs" },
            words: { ["127.0.0.1:\($0.draft.deadPort)", "the signing keys could not be fetched", certsAdvice] },
            status: 503
        ),
        NamedFailure(
            testDescription: "a store's file that cannot be opened",
            draft: { draft in
                let keys = "[ { file: \(draft.folder)/key } ]"
                draft.store = "{ kind: sqlite, path: \(draft.folder)/nowhere/tokens.db, master_keys: \(keys) }"
            },
            words: { _ in ["live", "nowhere/tokens.db", "the user that runs Gatehouse must own the file"] },
            status: 503
        ),
        NamedFailure(
            testDescription: "a store's database that cannot be reached",
            draft: { draft in
                let url = "postgresql://gatehouse@127.0.0.1:\(draft.deadPort)/gatehouse"
                draft.store = "{ kind: postgres, url: \"\(url)\", master_keys: [ { file: \(draft.folder)/key } ] }"
            },
            words: { ["live", "127.0.0.1", "port \($0.draft.deadPort)"] },
            status: 503
        ),
        NamedFailure(
            testDescription: "a token that is missing",
            draft: { $0.routes.append(Draft.route("two", $0.server)) },
            words: { _ in ["TWO_API_TOKEN is not set; needed by two", "set TWO_API_TOKEN where Gatehouse is started"] }
        ),
        NamedFailure(
            testDescription: "a token that ends while it is served",
            draft: { $0.usesDatabase() },
            prepares: { configuration in
                let end = Date.now.addingTimeInterval(15).ISO8601Format()
                let set = try ChildProcess(
                    Tools.gatehouse,
                    ["token", "set", "one", "--expires-at", end, "--config", configuration],
                    environment: ["LC_ALL": "C.UTF-8"]
                )
                try set.write("a-token-of-one")
                set.closeInput()
                #expect(await set.exit() == .code(0))
            },
            nears: { instance in
                let end = Mutex("")
                try await instance.process.eventually {
                    let text = await instance.text(of: "/status.txt")
                    guard let found = text.firstMatch(of: #/version 1, ends at (\S+)Z/#) else { return false }
                    end.withLock { $0 = String(found.output.1) }
                    return true
                }
                try await instance.process.eventually { Date.now.ISO8601Format() >= end.withLock { $0 } }
            },
            happens: { _ in },
            words: { _ in ["gatehouse token rotate one", "needed by one", "version 1 ended at"] }
        ),
        NamedFailure(
            testDescription: "a sink that cannot be opened",
            draft: { $0.sink = "{ kind: sqlite, path: \($0.folder)/nowhere/audit.db }" },
            words: { _ in ["sink_down", "nowhere/audit.db", "bring the sink back"] }
        ),
        NamedFailure(
            testDescription: unlinkedFile,
            words: { [$0.path, "the container still sees the old one: mount the folder", "start the container again"] }
        ),
    ]

    /// The failure of an instance whose configuration is a file without a name.
    static let unlinkedFile = "a file that was replaced behind its mount"

    private static let ofUpstreams: [NamedFailure] = [
        NamedFailure(
            testDescription: "an upstream that is not there",
            draft: { $0.routes.append(Draft.route("gone", "http://127.0.0.1:\($0.deadPort)", token: nil)) },
            happens: { try await $0.call("/gone", answers: 502) },
            words: { instance in
                let place = "http://127.0.0.1:\(instance.draft.deadPort)"
                return [place, "upstream_unreachable: connect: Connection refused", "is the container up", "call gone"]
            }
        ),
        NamedFailure(
            testDescription: "an upstream that answers 5xx",
            draft: { $0.routes.append(Draft.route("ill", $0.server + "/ill", token: nil)) },
            happens: { try await $0.call("/ill", answers: 503) },
            words: { _ in ["upstream_error: it answered 503", "its own log says why", "gatehouse call ill"] }
        ),
        NamedFailure(
            testDescription: "an upstream that does not take the token",
            draft: { $0.routes.append(Draft.route("rejects", $0.server + "/rejects", token: "{token:one}")) },
            happens: { try await $0.call("/rejects", answers: 502) },
            words: { _ in ["upstream_credential_rejected: it answered 401", "gatehouse token rotate one"] }
        ),
    ]

    private static let ofReloads: [NamedFailure] = [
        NamedFailure(
            testDescription: "a reload that adds a route without its token",
            happens: { try $0.change { $0.routes.append(Draft.route("two", $0.server)) } },
            words: { _ in ["TWO_API_TOKEN is not set; needed by two", "set TWO_API_TOKEN where Gatehouse is started"] },
            log: ["two: the environment variable TWO_API_TOKEN is not set; needed by two (set TWO_API_TOKEN where"]
        ),
        NamedFailure(
            testDescription: "a file that is no YAML at a reload",
            happens: { try $0.change { $0.more = "limits: \"an unclosed quote" } },
            words: { ["\($0.path):8:9: error: ", "gatehouse check says all errors"] },
            log: ["not reloaded, the old configuration goes on"]
        ),
        NamedFailure(
            testDescription: "a mistyped key at a reload",
            happens: { try $0.change { $0.more = "treads: 2" } },
            words: { ["\($0.path):8:1: error: unknown key 'treads'", "gatehouse check says all errors"] },
            log: ["did you mean 'threads'"]
        ),
        NamedFailure(
            testDescription: "a change that waits for a restart",
            happens: { try $0.change { $0.more = "threads: 3" } },
            words: { _ in ["threads", "wait", "restart Gatehouse when it suits: until then the old value is in force"] }
        ),
    ]

    /// Only root may give a file to another user.
    static let foreignFile = NamedFailure(
        testDescription: "a store's file of another user",
        draft: { draft in
            draft.usesDatabase()
            draft.isUnprivileged = true
            let path = "\(draft.folder)/tokens.db"
            #expect(FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]))
            #expect(chown(path, 65_534, 65_534) == 0)
        },
        words: {
            let path = "\($0.folder.path)/tokens.db"
            return ["\(path) belongs to uid 65534, and this process runs as uid 0", "must own the file"]
        },
        status: 503
    )

    private static let ofTheAudit: [NamedFailure] = [
        NamedFailure(
            testDescription: "a sink whose file is lost",
            draft: { $0.sink = "{ kind: sqlite, path: \($0.folder)/sink/audit.db }" },
            happens: { instance in
                try await instance.call("/one", answers: 200)
                let folder = "\(instance.folder.path)/sink"
                try await instance.process.eventually { FileManager.default.fileExists(atPath: "\(folder)/audit.db") }
                #expect(rename(folder, "\(instance.folder.path)/elsewhere") == 0)
                try await instance.call("/one", answers: 200)
            },
            words: { _ in ["sink_down", "sink/audit.db", "bring the sink back"] }
        ),
        NamedFailure(
            testDescription: "a spool that is full, because the sink is away",
            draft: { draft in
                draft.sink = "{ kind: sqlite, path: \(draft.folder)/sink/audit.db }"
                draft.audit = ", max_spool: 64MiB, arguments: record"
                draft.routes.append(
                    Draft.route("tools", draft.server, token: nil).replacing("protocol: http", with: "protocol: mcp")
                )
            },
            nears: { instance in
                let folder = "\(instance.folder.path)/sink"
                #expect(rename(folder, folder + "-elsewhere") == 0)
                try await instance.fillSpool("/tools")
            },
            happens: { _ in },
            words: { _ in ["has reached its quota of 67108864 bytes", "or raise audit.max_spool"] },
            status: 503
        ),
        NamedFailure(
            testDescription: "a spool that is gone and cannot be made again",
            happens: { instance in
                let folder = "\(instance.folder.path)/spool"
                #expect(rename(folder, folder + "-elsewhere") == 0)
                // A file in the place of a folder, so that not even root can make one.
                try instance.folder.write("", to: "spool")
                // The writer may have noticed before the call, which is refused then.
                try await instance.call("/one", answers: nil)
            },
            words: { _ in ["spool_gone", "owned by the user that serves", "requests are refused meanwhile"] },
            status: 503
        ),
    ]
}
