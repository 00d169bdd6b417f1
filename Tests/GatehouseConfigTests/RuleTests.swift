import Foundation
import GatehouseConfig
import GatehouseCore
import Glibc
import Testing
import YAMLReader

@Suite struct RuleTests {
    @Test func `the small file is right`() throws {
        let configuration = try read(minimal)
        #expect(configuration.listen == Configuration.defaultListen)
        #expect(configuration.admin == Configuration.defaultAdmin)
        #expect(configuration.threads == 2)
        #expect(configuration.access.issuer.text == "https://example.cloudflareaccess.com")
        #expect(configuration.access.certsURL.text == "https://example.cloudflareaccess.com/cdn-cgi/access/certs")
        #expect(configuration.access.maxTokenAge == nil)
        #expect(configuration.store.name.text == "phase1")
        #expect(configuration.limits == ServerLimits())
        #expect(configuration.audit == .standard)
        let route = configuration.routes.routes[0]
        #expect(route.policy == .everyone)
        #expect(route.speech == .mcp)
        #expect(route.injections.map(\.value.parts) == [[.token(route.name.ownToken)]])
    }

    @Test func `threads follow the cores when nothing is said`() throws {
        let threads = try read(minimal("", instead: "threads: 2\n")).threads
        #expect((1...Configuration.maximumDefaultThreads).contains(threads))
    }

    @Test(arguments: [
        ("allow:", "the value is missing: a list of grants is wanted"),
        ("allow: null", "the value is missing: a list of grants is wanted"),
        ("authenticate: []", "a list of credentials is wanted, not an empty one"),
        ("authenticate: [bearer]", "bearer credentials come beside access, not instead of it"),
        ("authenticate: [access, access]", "a credential stands here twice"),
        ("limits: { body: 1B }", "'1B' is not a size from 1KiB to 1GiB"),
        ("limits: { rate: 0/min }", "a rate is from 1 to 1000000 requests"),
        ("timeouts: { idle: 8d }", "'8d' is not a duration from 0s to 7d"),
        ("allow: [{ users: [\"*@xn--*.de\"] }]", "a '*' inside an 'xn--' label matches no address"),
        (
            "allow: [{ users: [\"*\"], tools: [{ name: a, arguments: { x: [] } }] }]",
            "a list of values is wanted, not an empty one"
        ),
        (
            "allow: [{ users: [\"*\"], tools: [{ name: a, arguments: { x: 1 } }] }]",
            "a list of values is wanted, not a single value"
        ),
        ("allow: [{ users: [\"*\"], tools: [{ arguments: { x: [1] } }] }]", "'name' is missing"),
        ("allow: [{ users: [\"*\"], tools: [{ name: a, argument: {} }] }]", "unknown key 'argument' in a tool"),
        (
            "allow: [{ users: [\"*\"], tools: [{ name: a, arguments: [x] }] }]",
            "a mapping of arguments to the values that they may have is wanted, not a list"
        ),
        (
            "allow: [{ users: [\"*\"], tools: [{ name: a, arguments: { x: { min: 2, max: 1 } } }] }]",
            "no number is at least 2 and at most 1"
        ),
        (
            "allow: [{ users: [\"*\"], tools: [{ name: a, arguments: { x: {} } }] }]",
            "the bounds of an argument are missing"
        ),
        (
            "allow: [{ users: [\"*\"], tools: [{ name: a, arguments: { x: { max: \"1\" } } }] }]",
            "a number is wanted, not text"
        ),
        (
            "allow: [{ users: [\"*\"], tools: [{ name: a, arguments: { x: { max: 1e3 } } }] }]",
            "'1e3' is not a number that every reader reads alike"
        ),
        (
            "allow: [{ users: [\"*\"], tools: [{ name: a, arguments: { x: [1.0] } }] }]",
            "'1.0' has zeros at its end that say nothing"
        ),
        (
            "allow: [{ users: [\"*\"], tools: [{ name: a, arguments: { x: [yes, True] } }] }]",
            "'True' is not true or false"
        ),
        (
            "allow: [{ users: [\"*\"], tools: [{ name: a, arguments: { x: [null] } }] }]",
            "the value is missing: a pattern, a number, or true or false is wanted"
        ),
        (
            "allow: [{ users: [\"*\"], tools: [{ name: a, arguments: { x: [[1]] } }] }]",
            "a pattern, a number, or true or false is wanted, not a list"
        ),
        (
            "allow: [{ users: [\"*\"], tools: [{ name: a, arguments: { a.: [1] } }] }]",
            "a path is one or more names with dots between"
        ),
        (
            "allow: [{ users: [\"*\"], tools: [{ name: a, arguments: { a: [1], a.b: [1] } }] }]",
            "'a.b' cannot be ruled together with another path that it is part of, or that is part of it"
        ),
        (
            "allow: [{ users: [\"*\"], tools: [{ name: a, arguments: { docId: [1], doc_id: [1] } }] }]",
            "'doc_id' and 'docId' are one name to readers that fold names"
        ),
        ("allow: [{ users: [\"*\"], tools: [[a]] }]", "a tool's name is wanted, not a list"),
        ("allow: [{ groups: [] }]", "a grant names nobody"),
        ("allow: [{ claims: { country: [DE] } }]", "a grant names nobody"),
        ("allow: [{ users: [\"*\"], claims: { country: [] } }]", "a list of values is wanted, not an empty one"),
        ("allow: [{ users: [\"*\"], claims: { country: DE } }]", "a list of values is wanted, not a single value"),
        ("allow: [{ users: [\"*\"], claims: { country.: [DE] } }]", "a path is one or more names with dots between"),
        ("allow: [{ users: [\"\"] }]", "an e-mail address is wanted: not empty, without control characters"),
        (
            "strip: { headers: [Transfer_Encoding] }",
            "the header Transfer_Encoding frames the request and cannot be stripped"
        ),
        ("audience: [other]", "the key 'audience' stands here twice; first on line 8"),
    ])
    func `a wrong key of a route is one error on its line`(line: String, message: String) {
        let found = problems(minimal(route: line))
        #expect(found.map(\.message) == [message])
        #expect(found.map(\.line) == [11])
    }

    @Test(arguments: [
        "Host", "content-length", "Content_Length", "Transfer-Encoding", "Connection", "Keep-Alive", "TE", "Trailer",
        "Upgrade",
        "Proxy-Authorization", "Expect", "X-Request-Id", "Cf-Access-Jwt-Assertion", "Mcp-Session-Id",
    ])
    func `a header of the connection or of Gatehouse cannot be injected`(name: String) {
        let found = problems(minimal("\(name): \"{token}\"", instead: "X-Wiki-Api-Key: \"{token}\""))
        #expect(
            found.map(\.message) == [
                "the header \(name) belongs to the connection or to Gatehouse and cannot be injected"
            ]
        )
    }

    @Test func `groups need the place where they stand`() throws {
        let grant = "allow: [{ groups: [staff] }]"
        let found = problems(minimal(route: grant))
        #expect(
            found.map(\.message) == ["a grant to groups names nobody: nothing says where groups stand in an assertion"]
        )
        let denying = minimal(
            "access: { team: example, deny: { groups: [out] } }",
            instead: "access: { team: example }"
        )
        #expect(
            problems(denying).map(\.message) == [
                "a deny list of groups names nobody: nothing says where groups stand in an assertion"
            ]
        )
        let place = minimal(
            "access: { team: example, groups: { claim: custom.groups } }",
            instead: "access: { team: example }"
        )
        let good = try read(place + "    \(grant)\n")
        #expect(good.wantedAttributes.groups?.names == ["custom", "groups"])
        #expect(good.routes.routes[0].policy.grants?[0].callers.groups == [Glob("staff")])
        let wrong = minimal("access: { team: example, groups: { claim: a..b } }", instead: "access: { team: example }")
        #expect(problems(wrong).map(\.message) == ["a path is one or more names with dots between"])
        #expect(
            problems(minimal("access: { team: example, groups: {} }", instead: "access: { team: example }")).map(
                \.message
            ) == ["'claim' is missing"]
        )
    }

    @Test func `the claims that are wanted are those of grants and injected fields`() throws {
        let text =
            minimal("X-Department: \"{claim:custom.department}\"", instead: "X-Wiki-Api-Key: \"{token}\"")
            + "    allow: [{ users: [\"*\"], claims: { country: [DE] } }]\n"
        #expect(try read(text).wantedAttributes.claims.map(\.description).sorted() == ["country", "custom.department"])
        #expect(try read(minimal).wantedAttributes.isNothing)
        let wrong = minimal("X-D: \"{claim:}\"", instead: "X-Wiki-Api-Key: \"{token}\"")
        #expect(problems(wrong).map(\.message) == ["a path is one or more names with dots between"])
    }

    @Test func `two spellings of one header cannot both be injected`() {
        let found = problems(minimal("X-A: \"{token}\", x_a: b", instead: "X-Wiki-Api-Key: \"{token}\""))
        #expect(found.map(\.message) == ["the header x_a is injected twice: upstreams may read it as X-A"])
    }

    @Test(arguments: [
        ("https://access.example.com", true), ("http://127.0.0.1:4444", true), ("http://localhost:1", true),
        ("http://[::1]:1", true),
        ("http://access.example.com", false), ("http://127.0.0.1.example.com", false),
        ("https://a.example.com/", false),
        ("https://u@a.example.com", false), ("https://a.example.com?x", false), ("https://", false),
        ("a.example.com", false),
    ])
    func `an issuer is https unless on this machine`(issuer: String, isRight: Bool) {
        #expect(problems(minimal("issuer: \"\(issuer)\"", instead: "team: example")).isEmpty == isRight)
    }

    @Test func `keep_alive stays longer than the pool of cloudflared`() throws {
        #expect(try read(minimal + "limits: { keep_alive: 125s }\n").limits.keepAlive == .seconds(125))
        let found = problems(minimal + "limits: { keep_alive: 124999ms }\n")
        #expect(found.count == 1)
        #expect(found.allSatisfy { $0.message.contains("cloudflared") && $0.message.contains("90 s") })
    }

    @Test(arguments: ["sqlite, path: /db", "postgres, url: \"postgres://db/x\""])
    func `a store that seals needs master keys`(store: String) {
        let found = problems(minimal("kind: \(store)", instead: "kind: env"))
        #expect(found.map(\.message) == ["'master_keys' is missing"])
    }

    @Test(arguments: [
        ("path: mcp", ["there is nothing to sign in with"]),
        ("path: mcp, role_id: { file: /r }", ["'secret_id' is missing"]),
        ("path: mcp, auth_mount: x", ["'role_id' is missing", "'secret_id' is missing"]),
        (
            "path: mcp, token: { file: /t }, secret_id: { file: /s }",
            ["'secret_id' is for an AppRole, and there is a token"]
        ),
        ("token: { file: /t }", ["'path' is missing"]),
    ])
    func `a store in Vault has one place, and one way to sign in`(keys: String, messages: [String]) {
        let store = "kind: vault, address: \"https://vault.example.com\", \(keys)"
        #expect(problems(minimal(store, instead: "kind: env")).map(\.message) == messages)
    }

    @Test(arguments: [
        ("mcp", true), ("/mcp/", true), ("team/mcp.v2_x~1", true), ("..", false), ("a/../b", false), ("a/./b", false),
        ("a//b", false), ("//a", false), ("a b", false), ("a%2e", false), ("a?list=true", false), ("/", false),
        ("ü", false), (String(repeating: "a", count: 257), false),
    ])
    func `a place in Vault is written in one way`(path: String, isRight: Bool) {
        for key in ["path: \"\(path)\"", "path: mcp, mount: \"\(path)\"", "path: mcp, namespace: \"\(path)\""] {
            let store = "kind: vault, address: \"https://vault.example.com\", token: { file: /t }, \(key)"
            #expect(problems(minimal(store, instead: "kind: env")).isEmpty == isRight)
        }
    }

    @Test(arguments: [
        ("https://vault.example.com:8200", true), ("http://127.0.0.1:8200", true),
        ("http://vault.example.com:8200", false), ("https://vault.example.com/?x", false), ("vault.example.com", false),
    ])
    func `a Vault and its nodes are https unless on this machine`(server: String, isRight: Bool) {
        for keys in ["address: \"\(server)\"", "address: \"https://a.example.com\", nodes: [\"\(server)\"]"] {
            let store = "kind: vault, path: mcp, token: { file: /t }, \(keys)"
            #expect(problems(minimal(store, instead: "kind: env")).isEmpty == isRight)
        }
    }

    @Test(arguments: [
        ("127.0.0.1:8081", 0), ("localhost:8081", 0), ("\"[::1]:8081\"", 0), ("unix:/run/ask.sock", 0),
        ("0.0.0.0:8081", 1), ("10.0.0.7:8081", 1), ("\"[::]:8081\"", 1), ("proxy:8081", 1),
        ("127.0.0.1.example.com:8081", 1),
        // The addresses of others.
        ("127.0.0.1:8080", 1), ("127.0.0.1:9090", 1),
    ])
    func `questions of another proxy are taken on this machine alone`(address: String, errors: Int) throws {
        #expect(problems(minimal + "forward_auth: \(address)\n").count == errors)
        #expect(try read(minimal).forwardAuth == nil)
    }

    @Test func `an open admin listener is a warning, not an error`() throws {
        let warnings = try read(minimal + "admin: 0.0.0.0:9090\n").warnings
        #expect(warnings.map(\.severity) == [.warning])
        #expect(try read(minimal + "admin: unix:/run/admin.sock\n").warnings.isEmpty)
    }

    @Test func `everything wrong is reported at once, in the order of the file`() {
        let text = minimal.replacingOccurrences(of: "version: 1", with: "version: 3").replacingOccurrences(
            of: audienceTag,
            with: ""
        )
        let found = problems(text + "listen: nowhere\nunknown: 1\n")
        #expect(found.map(\.line) == [1, 8, 11, 12])
    }

    @Test func `more problems than the bound are counted`() {
        let keys = (0..<1000).map { "key\($0): 1\n" }.joined()
        let found = problems(minimal + keys)
        #expect(found.count == 201)
        #expect(found.last?.message == "800 more problems")
    }

    /// For each of the 200 that are told, the known keys were looked for among all.
    @Test func `thousands of unknown keys are not looked through for each of them`() {
        func time(_ body: () -> Void) -> Double {
            func now() -> Double {
                var time = timespec()
                clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
                return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
            }
            let began = now()
            body()
            return now() - began
        }
        let text = minimal + (0..<20_000).map { "    key\($0): 1\n" }.joined()
        let tree = time { #expect(YAMLReader.read(Array(text.utf8)).root != nil) }
        let whole = time { #expect(problems(text).count == 201) }
        #expect(whole < tree * 20, "\(whole) and \(tree) s")
    }

    @Test func `warnings beyond the bound are no error, and hide none`() throws {
        let doubtful =
            minimal
            + (0..<300).map { number in
                """
                  - name: r\(number)
                    host: h\(number).example.com
                    audience: [\(audienceTag)]
                    upstream: http://coda:8080
                    allow: [{ users: ["*@example.com"], tools: [a] }]

                """
            }.joined()
        let warnings = try read(doubtful).warnings
        #expect(warnings.count == 201)
        #expect(warnings.allSatisfy { $0.severity == .warning })
        #expect(warnings.last?.message == "100 more problems")

        let found = problems(doubtful + "unknown: 1\n")
        #expect(found.count == 201)
        #expect(found.filter { $0.severity == .error }.map(\.message) == ["unknown key 'unknown' in the configuration"])
        #expect(found.last?.message == "101 more problems")
    }

    @Test func `a file that cannot be read is named`() {
        let error = #expect(throws: ConfigurationError.self) {
            try Configuration.read(path: "/nonexistent/gatehouse.yaml")
        }
        #expect(error?.code == .unreadable)
        #expect(
            error?.description == """
                /nonexistent/gatehouse.yaml: error: cannot be read: No such file or directory
                hint: gatehouse init writes one
                """
        )
    }

    /// Docker makes a folder where a file that is to be mounted does not exist; a pipe that nobody writes to would never end.
    @Test func `what is no file is named, and not waited for`() throws {
        var template = Array("/tmp/gatehouse-config.XXXXXX".utf8CString)
        let folder = String(cString: try #require(mkdtemp(&template)))
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(mkfifo("\(folder)/pipe", 0o600) == 0)
        for (path, words) in [(folder, "it is a folder, not a file"), ("\(folder)/pipe", "it is a pipe, not a file")] {
            let error = #expect(throws: ConfigurationError.self) { try Configuration.read(path: path) }
            #expect(error?.code == .unreadable && error?.description.contains(words) ?? false)
        }
    }

    @Test func `the default variable of a token is made of its name`() throws {
        let coda = try TokenName(parsing: "coda-eu.2")
        #expect(EnvironmentStoreSettings().variable(for: coda) == "CODA_EU_2_API_TOKEN")
        #expect(EnvironmentStoreSettings(variables: [coda: "MINE"]).variable(for: coda) == "MINE")
    }

    @Test func `every key has one line of documentation`() {
        func check(_ fields: [FieldForm], _ path: String) {
            for field in fields {
                #expect(!field.documentation.isEmpty && !field.documentation.contains("\n"), "\(path).\(field.key)")
                check(field.form, "\(path).\(field.key)")
            }
        }
        func check(_ form: ValueForm, _ path: String) {
            switch form {
            case .list(let element, _): check(element, path)
            case .table(_, let value): check(value, path)
            case .mapping(let fields): check(fields, path)
            case .variants(let variants): for variant in variants { check(variant.fields, path) }
            case .either(let forms): for form in forms { check(form, path) }
            case .text, .integer, .boolean, .number, .scalar, .duration, .size, .rate, .choice, .secret: break
            }
        }
        check(ConfigurationFields.all, "")
        #expect(ConfigurationFields.all.count == 21)
    }
}
