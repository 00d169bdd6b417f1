import GatehouseCore
import GatehouseTestSupport
import Testing

@Suite struct RouteTableTests {
    private static func route(_ name: String, _ host: String, _ path: String) throws -> Route {
        Route(
            name: try RouteName(parsing: name),
            host: try HostPattern(parsing: host),
            path: try PathPrefix(parsing: path),
            audiences: ["a"],
            upstream: try Upstream(parsing: "http://upstream")
        )
    }

    private static func find(_ host: String, _ path: String, in table: RouteTable) -> (String, Int)? {
        Array(host.utf8).withUnsafeBytes { host in
            Array(path.utf8).withUnsafeBytes { path in
                table.route(host: host, path: path).map { (table.routes[$0.route].name.text, $0.prefix) }
            }
        }
    }

    @Test func `a thousand routes are each found`() throws {
        var routes: [Route] = []
        for index in 0..<1000 {
            routes.append(try Self.route("r\(index)", "h\(index / 4).example", ["/", "/a", "/a/b", "/c"][index % 4]))
        }
        let table = RouteTable(routes)
        for index in 0..<1000 {
            let (path, prefix) = [("/x", 0), ("/a/c", 2), ("/a/b", 4), ("/c/", 2)][index % 4]
            let found = try #require(Self.find("H\(index / 4).Example", path, in: table))
            #expect(found == ("r\(index)", prefix))
        }
        #expect(Self.find("h250.example", "/", in: table) == nil)
        #expect(Self.find("", "/", in: table) == nil)
    }

    /// Against the plainest way to find the longest prefix.
    @Test(arguments: 0..<50)
    func `the longest of many paths is found`(seed: Int) throws {
        var paths: Set<String> = []
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        func path() -> String {
            let path = (0..<next(5)).map { _ in "/" + ["a", "b", "ab", "abc", "a-b", "b.", "~"][next(7)] }.joined()
            return path.isEmpty ? "/" : path
        }
        for _ in 0..<next(60) { paths.insert(path()) }
        let routes = try paths.sorted().enumerated().map { try Self.route("r\($0)", "h", $1) }
        let table = RouteTable(routes)
        for _ in 0..<200 {
            let asked = path() + ["", "/", "/x"][next(3)]
            let expected = routes.compactMap { route in
                Array(asked.utf8).withUnsafeBytes { route.path.match($0) }.map {
                    (route.name.text, $0, route.path.text)
                }
            }.max { $0.2.utf8.count < $1.2.utf8.count }
            let found = Self.find("h", asked, in: table)
            #expect(found?.0 == expected?.0 && found?.1 == expected?.1, "\(asked) in \(paths)")
        }
    }

    @Test func `an exact host goes before any, and a longer prefix before a shorter`() throws {
        let table = RouteTable([
            try Self.route("any", "*", "/"), try Self.route("anydeep", "*", "/a/b"),
            try Self.route("exact", "x.example", "/a"),
            try Self.route("deep", "x.example", "/a/b"),
        ])
        #expect(try #require(Self.find("x.example", "/a/b/c", in: table)) == ("deep", 4))
        #expect(try #require(Self.find("x.example", "/a/bc", in: table)) == ("exact", 2))
        #expect(try #require(Self.find("x.example", "/", in: table)) == ("any", 0))
        #expect(try #require(Self.find("y.example", "/a/b", in: table)) == ("anydeep", 4))
        #expect(Self.find("x.example", "a", in: RouteTable([try Self.route("any", "*", "/")])) == nil)
        #expect(Self.find("x.example", "/", in: RouteTable([])) == nil)
    }
}

@Suite struct PathPrefixTests {
    private func match(_ prefix: String, _ path: String) throws -> Int? {
        let prefix = try PathPrefix(parsing: prefix)
        return Array(path.utf8).withUnsafeBytes { prefix.match($0) }
    }

    @Test func `a prefix matches whole segments`() throws {
        #expect(try match("/", "/") == 0)
        #expect(try match("/", "/x") == 0)
        #expect(try match("/", "") == nil)
        #expect(try match("/a", "/a") == 2)
        #expect(try match("/a/", "/a") == 2)
        #expect(try match("/a", "/a/") == 2)
        #expect(try match("/a", "/a/b") == 2)
        #expect(try match("/a", "/ab") == nil)
        #expect(try match("/a", "/A") == nil)
        #expect(try match("/a/b", "/a") == nil)
    }

    @Test(arguments: [
        "", "a", "/a//b", "//", "/a/./b", "/..", "/a/..", "/a%20", "/a?x", "/a#x", "/a b", "/a\\b", "/é", "/a\n",
    ])
    func `a prefix that no request could match is refused`(text: String) {
        #expect(throws: InvalidValue.self) { try PathPrefix(parsing: text) }
    }
}

@Suite struct HostTests {
    @Test(arguments: [
        ("Coda.Example.COM", "coda.example.com"), ("a", "a"), ("a_b-c.d", "a_b-c.d"), ("example.com.", "example.com."),
        ("127.0.0.1", "127.0.0.1"), ("[::1]", "[::1]"), ("[2001:DB8::1]", "[2001:db8::1]"),
    ])
    func `a host reads names and addresses`(text: String, name: String) throws {
        #expect(try Host(parsing: text).name == name)
    }

    @Test(arguments: [
        "", "http://a", "a/b", "a:80", "[::1]:80", "[::1", "[]", "[g::]", "a b", ".a", "a..b", "é.example", "a\u{0}",
        "*", "a@b",
    ])
    func `any other host is refused`(text: String) {
        #expect(throws: InvalidValue.self) { try Host(parsing: text) }
    }

    @Test func `host names are bounded`() throws {
        #expect(try Host(parsing: String(repeating: "a", count: 253)).name.count == 253)
        #expect(throws: InvalidValue.self) { try Host(parsing: String(repeating: "a", count: 254)) }
    }

    @Test func `a star is any host`() throws {
        #expect(try HostPattern(parsing: "*") == .any)
        #expect(try HostPattern(parsing: "A.example") == .exact(Host(parsing: "a.example")))
        #expect(throws: InvalidValue.self) { try HostPattern(parsing: "*.example") }
    }
}

@Suite struct UpstreamTests {
    @Test func `an upstream reads URLs`() throws {
        let plain = try Upstream(parsing: "http://coda-mcp:8080")
        #expect(plain.endpoint == .tcp(host: "coda-mcp", port: 8080))
        #expect(plain.authority == "coda-mcp:8080")
        #expect(plain.path.isEmpty && !plain.isSecure)
        let secure = try Upstream(parsing: "https://API.example/base/")
        #expect(secure.endpoint == .tcp(host: "api.example", port: 443))
        #expect(secure.authority == "api.example")
        #expect(secure.path == "/base" && secure.isSecure)
        #expect(try Upstream(parsing: "http://a:80/").authority == "a")
        #expect(try Upstream(parsing: "https://a:80").authority == "a:80")
        let six = try Upstream(parsing: "http://[::1]:9000/x")
        #expect(six.endpoint == .tcp(host: "::1", port: 9000))
        #expect(six.authority == "[::1]:9000")
        #expect(try Upstream(parsing: "http://[::1]").endpoint == .tcp(host: "::1", port: 80))
        let socket = try Upstream(parsing: "unix:/run/mcp.sock")
        #expect(socket.endpoint == .unix(path: "/run/mcp.sock"))
        #expect(socket.authority == "localhost")
    }

    @Test(arguments: [
        "", "a", "ftp://a", "http://", "http:///x", "http://a:0", "http://a:65536", "http://a:", "http://a:x",
        "http://a:+80",
        "http://u@a", "http://u:p@a", "http://a?x", "http://a#x", "http://a b", "http://a/../b", "http://a/b//c",
        "unix:run",
        "unix:", "unix:/", "http://[::1", "http://é",
    ])
    func `any other upstream is refused`(text: String) {
        #expect(throws: InvalidValue.self) { try Upstream(parsing: text) }
    }

    @Test func `a socket path fits its address`() throws {
        #expect(throws: Never.self) { try Upstream(parsing: "unix:/" + String(repeating: "a", count: 106)) }
        #expect(throws: InvalidValue.self) { try Upstream(parsing: "unix:/" + String(repeating: "a", count: 107)) }
    }
}

@Suite struct EndpointParsingTests {
    @Test func `an endpoint reads hosts, ports and sockets`() throws {
        #expect(try Endpoint(parsing: "127.0.0.1:0") == .tcp(host: "127.0.0.1", port: 0))
        #expect(try Endpoint(parsing: "[::1]:8080") == .tcp(host: "::1", port: 8080))
        #expect(try Endpoint(parsing: "unix:/run/g.sock") == .unix(path: "/run/g.sock"))
        #expect(try Endpoint(parsing: "[::1]:8080").description == "[::1]:8080")
        #expect(try Endpoint(parsing: "127.1.2.3:1").isLocal)
        #expect(try Endpoint(parsing: "localhost:1").isLocal)
        #expect(try !Endpoint(parsing: "0.0.0.0:1").isLocal)
        #expect(try !Endpoint(parsing: "127.example:1").isLocal)
    }

    @Test(arguments: [
        "", ":80", "a", "a:", "a:65536", "a:-1", "a:8x", "http://a:80", "[::1]", "::1:80", "unix:a", "unix:/",
    ])
    func `any other endpoint is refused`(text: String) {
        #expect(throws: InvalidValue.self) { try Endpoint(parsing: text) }
    }
}
