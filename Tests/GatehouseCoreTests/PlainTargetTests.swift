import Foundation
import GatehouseCore
import Testing

/// Targets that a grant with a list may cover: only those that every reader takes as written.
@Suite struct PlainTargetTests {
    private struct Cases: Decodable {
        struct Case: Decodable {
            let uri: String
            let limited: String
        }

        let grants: [String]
        let cases: [Case]
    }

    private static func permits(_ globs: [String]?) -> Permits {
        let list = globs?.map { Glob($0) }
        let grant = Grant(users: [Glob("*")], serviceTokens: [], tools: list, prompts: list, resources: list)
        return Permits(Policy(grants: [grant]), of: Principal(kind: .user, name: "ann@example.com"))
    }

    private static func allows(_ permits: Permits, _ kind: Policy.TargetKind, _ target: String) -> Bool {
        Array(target.utf8).withUnsafeBytes { permits.allows(kind, $0) }
    }

    private static func isPlain(_ uri: String) -> Bool { Policy.TargetKind.resource.isPlain(uri) }

    @Test func `the cases of the contract`() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let data = try Data(contentsOf: folder.appendingPathComponent("Cases/resource-uris.json"))
        let cases = try JSONDecoder().decode(Cases.self, from: data)
        try #require(cases.cases.count > 20)
        let limited = Self.permits(cases.grants)
        for one in cases.cases {
            #expect(Self.allows(limited, .resource, one.uri) == (one.limited == "allow"), "\(one.uri)")
            #expect(Self.allows(Self.permits(nil), .resource, one.uri), "\(one.uri)")
        }
    }

    @Test(arguments: [
        "memo://one", "memo://Notes/one", "notes://J%C3%BCrgen", "notes://a%20b", "urn:isbn:9780131103627",
        "memo:one/two",
        "file:///a/b.md", "file:///C:/x", "file://host/x", "docs://x", "docs:///a", "docs://x/", "foo:a/b",
        "https://example.com/", "https://example.com:8443/a", "https://example.com/a;b=c/d,e@f:g!$&()*+='",
        "https://1.2.3.4/",
        "https://a..b/", "https://xn--mnchen-3ya.example/x", "docs://x:1/y", "docs://x/a..b/...", "docs://x/.hidden",
        "docs://x/a?next=%2Fb%2e%2e&x='1'", "docs://x/a#'/..x/", "docs://x/a?..", "https://x/a?y=../..",
        "docs://x/a?b/.c",
        "docs://x/%2525", "docs://123/x", "a+b-c.d:x",
    ])
    func `what no reader changes is plain`(uri: String) { #expect(Self.isPlain(uri)) }

    @Test(arguments: [
        // Dot segments, and what ends like one for some reader.
        "docs://x/..", "docs://x/.", "docs://x/../", "docs://x/..;a/b", "docs://x/..%3B/b", "docs://x/..%20/b",
        "docs:../x",
        "docs:/../x", "docs:..", "docs://x/%2E", "docs://x/a%2Eb", "docs://x/..%2F..%2Fb", "docs://x/a%2Fb",
        "docs://x/a%5Cb",
        #"docs://x/a\b"#, #"https:\\x/a"#, #"https://x\@y/"#,
        // Characters that readers drop, add, lower or rewrite.
        "docs://x/a\tb", "docs://x/a\n", "\u{FEFF}docs://x", "docs://x/ ", " docs://x", "docs://x/\u{0}",
        "docs://x/a%00",
        "docs://x/%0A", "docs://x/%7F", "https://example.com", "https://example.com?x", "https:/example.com/",
        "https:x",
        "https:///x", "https:", "docs:", "docs:/x", "docs://", "file://host/c:/x", "file://host/c:", "docs://x/%20../y",
        "docs://x/%C2%A0..%20", "docs://?x", "docs://#x", "file:/x", "file:x", "file://",
        "file://localhost/x", "file://c:/x",
        "file://HOST/x",
        "https://Example.com/", "HTTPS://example.com/", "Docs://x", "https://example.com:443/", "http://x:80/",
        "ws://x:80/",
        "wss://x:443/", "ftp://x:21/", "https://x:/", "docs://x:080/", "docs://x:/y", "docs://x:99999/", "docs://:1/",
        "https://1.2/", "https://127.1/", "https://0x7f.0.0.1/", "https://1.2.3.04/", "https://256.1.1.1/",
        "https://1.2.3.4./",
        "https://xn--abc-/", "https://[::1]/", "docs://u@x/", "https://u:p@x/", "docs://@x/", "https://ex%61mple.com/",
        "docs://x/a?", "docs://x/a#", "docs://x/a#b#c", "https://x/a?b='c'", "docs://x//y", "docs://x/ü",
        "https://ü.example/",
        "docs://x/a b", #"docs://x/"a""#, "docs://x/<a>", "docs://x/{a}", "docs://x/a|b", "docs://x/a^b",
        "docs://x/`a`",
        "docs://x/[a]", "docs://x/%", "docs://x/%4", "docs://x/%zz", "docs://x/%41", "docs://x/%7e", "docs://x/%c3%bc",
        "docs://%c3%bc/x", "docs://x/%C3", "docs://x/%C0%AE", "docs://x/%FF", "docs://x/a?%", "docs://x/a#%4",
        "docs://x/a?b c",
        // URIs that a server opens as a file when it takes off the scheme and nothing else.
        "docs://x/a?/../../b", "docs://x/a#'/../", "docs://x/a?b%2F..%2Fc", "docs://x/a?b%5C%2e%2e%5Cc",
        "docs://x/a?b/.",
        "docs://x/a?b#/..",
        // No URI at all.
        "", "x", "/etc/passwd", "../x", "://x", "1a:x", "-:x",
    ])
    func `what some reader changes is not`(uri: String) { #expect(!Self.isPlain(uri)) }

    @Test func `no text traps, and what is plain is visible ASCII and has a scheme`() {
        var random = Seeded(state: 0xA11)
        let letters = Array("docs://x/.%2eEF;?#@:[]\\ü \t'~1".utf8)
        var plain = 0
        for _ in 0..<50_000 {
            let bytes =
                Array("docs:".utf8.prefix(Int.random(in: 3...5, using: &random)))
                + (0..<Int.random(in: 0...12, using: &random)).map { _ in letters.randomElement(using: &random)! }
            guard bytes.withUnsafeBytes({ PlainURI.isPlain($0) }) else { continue }
            plain += 1
            #expect(bytes.allSatisfy { (0x21...0x7E).contains($0) } && bytes.contains(0x3A))
        }
        #expect(plain > 50)
    }

    @Test(arguments: [
        ("memo://{id}", true), ("{scheme}://x", true), ("file:///public/{+path}", true), ("https://x{/path*}", true),
        ("docs://x/a{?q,r}", true), ("docs://x/a?b=c{&q}", true), ("docs://x/a{#f}", true), ("docs://x/{a}.{b}", true),
        ("{any}", true), ("g{rest}", true), ("{+a}/..", false),
        ("file:///public/../{x}", false), ("file:///public/{x}/../y", false), ("DOCS://{x}", false),
        ("docs://x/{a", false),
        ("docs://x/{}", false), ("docs://x/a}b", false), ("docs://x/%2e%2e/{a}", false), ("docs://x/ü{a}", false),
    ])
    func `a template is plain when what it leads to can be`(template: String, expected: Bool) {
        #expect(Array(template.utf8).withUnsafeBytes { PlainURI.isPlain(template: $0) } == expected)
        #expect(Array(template.utf8).withUnsafeBytes { Self.permits(nil).allowsSome(.resource, of: $0) })
    }

    @Test func `a template that leads elsewhere is not allowed by where it begins`() {
        let permits = Self.permits(["file:///public/*"])
        func allows(_ template: String) -> Bool {
            Array(template.utf8).withUnsafeBytes { permits.allowsSome(.resource, of: $0) }
        }
        #expect(allows("file:///public/{x}"))
        #expect(!allows("file:///public/../{x}"))
        #expect(!allows("file:///public/%2e%2e/{x}"))
    }

    @Test(arguments: [
        "echo", "get_doc", "get doc", "Get-Doc.v2/x", "grün", "Ünder", "日本語", "ÅÄÖ", "поиск", "a\u{301}b",
    ])
    func `a name that no reader takes for another is plain`(name: String) {
        #expect(Self.allows(Self.permits(["*"]), .tool, name))
        #expect(Self.allows(Self.permits(["*"]), .prompt, name))
    }

    @Test(arguments: [
        " echo", "echo ", "echo\t", "echo\u{A0}", "\u{FEFF}echo", "echo\u{2003}", "echo\u{1680}", "\u{1680}echo",
        "echo\u{200B}", "ec\u{200D}ho",
        "ec\u{AD}ho",
        "\u{3000}echo", "ｅcho", "ＥCHO", "\u{212A}ey", "ﬁle", "𝐞cho", "echo\u{85}", "echo\u{2028}", "ec\u{2028}ho",
        "echo\u{0}",
        "e\u{1B}cho", "echo\u{E0001}", "ec\u{FE0F}ho", "e\u{115F}cho", "ªb", "①", "größer", "",
    ])
    func `a name that some reader trims or folds is refused to whom the kind is limited`(name: String) {
        for kind in [Policy.TargetKind.tool, .prompt] {
            #expect(!Self.allows(Self.permits(["*"]), kind, name))
            #expect(Self.allows(Self.permits(nil), kind, name))
        }
    }
}

private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 29
    }
}
