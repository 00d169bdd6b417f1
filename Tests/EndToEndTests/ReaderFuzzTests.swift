import Foundation
import GatehouseCore
import GatehouseMCP
import GatehouseTestSupport
import Testing

/// Bodies bent at random, read by the gate and by the readers that stand behind it: what a limited caller may send, each of them reads as
/// the gate has, and its URIs and names stay as they are written.
///
/// GATEHOUSE_TEST_FUZZ_CASES says how many bodies; more than a few tens of thousands are for a run of their own.
@Suite("What other readers make of a body", .timeLimit(.minutes(60)))
struct ReaderFuzzTests {
    private static let cases =
        wanted ?? 6000
    private static let wanted = ProcessInfo.processInfo.environment["GATEHOUSE_TEST_FUZZ_CASES"].flatMap { Int($0) }
    private static let share = 20_000

    @Test(.needsTools) func `Python's json and pydantic read what the gate has read`() async throws {
        let arguments = [Self.script("reader.py")]
        try await Self.compare { try ChildProcess(try Tools.python(.two), arguments, environment: Self.environment) }
    }

    @Test(.enabled(if: Tools.node != nil, "no node in the PATH: its JSON and URL are compared where there is one"))
    func `Node's JSON and URL read what the gate has read`() async throws {
        let node = try #require(Tools.node)
        try await Self.compare { try ChildProcess(node, [Self.script("reader.mjs")], environment: Self.environment) }
    }

    @Test(
        .enabled(
            if: Tools.go != nil,
            "no go in the PATH: its encoding/json and net/url are compared where there is one"
        )
    )
    func `Go's encoding/json and net/url read what the gate has read`() async throws {
        let folder = try Tools.Folder()
        let variables = Self.environment.merging(["GOCACHE": folder.path, "HOME": folder.path, "GOFLAGS": "-mod=mod"]) {
            $1
        }
        let program = "\(folder.path)/reader"
        let build = try ChildProcess(
            try #require(Tools.go),
            ["build", "-o", program, Self.script("reader.go")],
            environment: variables
        )
        let (exit, errors) = (await build.exit(), await build.errors.whole)
        try #require(exit == .code(0), "\(errors)")
        try await Self.compare { try ChildProcess(program, environment: Self.environment) }
    }

    private static let environment = ["LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"]

    private static func script(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Readers/\(name)").path
    }

    // MARK: - Comparing

    /// The counts of one run.
    private struct Tally {
        var passed = 0
        var allowed = 0
        /// Messages aimed at something that the caller may use, and at URIs among them.
        var targets = 0
        var uris = 0
        /// URIs that are refused although this reader changes nothing in them: the price of one form for all readers.
        var refusedAlike = 0
    }

    private static func compare(with reader: () throws -> ChildProcess) async throws {
        var random = SplitMix(seed: 0x6A7E)
        var tally = Tally()
        var left = cases
        while left > 0 {
            let bodies = (0..<min(left, share)).map { _ in Bent.body(&random) }
            left -= bodies.count
            let passing = bodies.filter { (try? Read($0)) != nil }
            let process = try reader()
            let lines = try await process.lines(
                answering: passing.map { Data($0).base64EncodedString() + "\n" }.joined()
            )
            try #require(lines.count == passing.count)
            for (body, line) in zip(passing, lines) {
                try compare(try Read(body), try JSON(parsing: String(line)), &tally)
            }
        }
        // A test in which nothing passes tells nothing.
        #expect(tally.allowed > cases / 10 && tally.targets > cases / 20 && tally.uris > cases / 40, "\(tally)")
        if wanted != nil { print("\(cases) bodies: \(tally)") }
    }

    private static func compare(_ gate: Read, _ reader: JSON, _ tally: inout Tally) throws {
        tally.passed += 1
        // A server does not act on a body that its reader cannot read.
        guard case .array(let messages) = reader else { return }
        let text = gate.text
        try #require(messages.count == gate.messages.count, "\(text)")
        tally.allowed += gate.isAllowed ? 1 : 0
        for (mine, other) in zip(gate.messages, messages) {
            #expect(other["method"].text == mine.method, "\(text)")
            #expect(other["id"].text == mine.id, "\(text)")
            guard let method = mine.method else { continue }
            // Whoever is not limited passes unread, but the audit says of the call what the server reads.
            if let known = Bent.governed.first(where: { $0 == method }), !mine.targets.isEmpty {
                #expect(other["targets"].elements.compactMap(\.text) == mine.targets, "\(known): \(text)")
            }
            guard gate.isAllowed else {
                if mine.isURI,
                    other["forms"].elements.map({ Set($0.elements.compactMap(\.text)) }) == mine.targets.map({ [$0] })
                {
                    tally.refusedAlike += 1
                }
                continue
            }
            guard let folded = other["folded"].text, Bent.governed.contains(folded) else { continue }
            #expect(folded == method, "\(text)")
            #expect(other["targets"].elements.compactMap(\.text) == mine.targets, "\(text)")
            tally.targets += mine.targets.count
            if mine.isURI {
                tally.uris += mine.targets.count
                for (target, forms) in zip(mine.targets, other["forms"].elements) {
                    #expect(forms.elements.allSatisfy { $0.text == target }, "\(forms) \(text)")
                }
            } else {
                for (target, name) in zip(mine.targets, other["names"].elements) {
                    #expect(name.text == target.lowercased(), "\(text)")
                }
            }
        }
    }
}

/// The gate's reading of a body, and whether a caller may send it whose grants limit everything that can be named.
private struct Read {
    struct Message {
        let method: String?
        let id: String?
        let targets: [String]
        let isURI: Bool
    }

    let text: String
    var messages: [Message] = []
    var isAllowed = true

    init(_ body: [UInt8]) throws {
        text = String(decoding: body, as: UTF8.self)
        let all = [Glob("*")]
        let grant = Grant(users: [Glob("*")], serviceTokens: [], tools: all, prompts: all, resources: all)
        let permits = Permits(Policy(grants: [grant]), of: Principal(kind: .user, name: "ann@example.com"))
        try body.withUnsafeBytes { bytes in
            try RPCGate.scan(bytes, allowsBatch: true).forEach { message in
                if message.refusal(by: permits, in: bytes) != nil { isAllowed = false }
                let target = message.target?.string(in: bytes).text
                let isArray = message.known == .listen && target?.hasPrefix("[") == true
                messages.append(
                    Message(
                        method: message.method?.string(in: bytes).text,
                        id: message.id.map { Self.identity(String(decoding: bytes[$0], as: UTF8.self)) },
                        targets: isArray
                            ? (try? JSON(parsing: target ?? ""))?.elements.compactMap(\.text) ?? []
                            : target.map { [$0] } ?? [],
                        // A template is no URI yet.
                        isURI: message.targetKind == .resource && message.known != .complete
                    )
                )
            }
        }
    }

    private static func identity(_ id: String) -> String {
        guard id.hasPrefix("\""), let text = (try? JSON(parsing: id))?.text else { return "i:" + id }
        return "s:" + text
    }
}

/// Bodies that are nearly right.
private enum Bent {
    static let governed: Set<String> = [
        "tools/call", "prompts/get", "resources/read", "resources/subscribe", "completion/complete",
        "subscriptions/listen",
    ]

    private static let seeds = [
        #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_doc","arguments":{"a":[1,2.5e3,"x\n\u00e9"]}}}"#,
        #"{"params":{"arguments":{"name":"x"},"name":"get_doc"},"method":"tools/call","id":"a-1","jsonrpc":"2.0"}"#,
        #"{"jsonrpc":"2.0","id":3,"method":"prompts/get","params":{"name":"p","_meta":{"name":"q"}}}"#,
        #"{"jsonrpc":"2.0","id":4,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"p"},"argument":{}}}"#,
        #"{"jsonrpc":"2.0","id":5,"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":["URI","docs://x/y"],"toolsListChanged":true}}}"#,
        #"{"jsonrpc":"2.0","id":6,"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":["URI"]}}}"#,
        #"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        #"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"hi"}],"isError":false}}"#,
        #"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"resources/read","params":{"uri":"URI"}}]"#,
        #"{"jsonrpc":"2.0","id":8,"method":"resources/read","params":{"uri":"URI"}}"#,
        #"{"jsonrpc":"2.0","id":9,"method":"resources/subscribe","params":{"uri":"URI","name":"x"}}"#,
        #"{"jsonrpc":"2.0","id":10,"method":"resources/read","params":{"uri":"URI"}}"#,
    ]
    private static let uris = [
        "file:///public/a/b.md", "docs://site/public/a", "https://example.com/a/x?y=z#f", "wiki://public/s%C3%BC%C3%9F",
        "urn:isbn:97801",
        "http://127.0.0.1:8080/a", "exact://thing/one", "memo:one/two", "file://host/share/x", "notes://J%C3%BCrgen",
        "wss://a.example/",
    ]
    private static let parts = [
        "..", ".", "/", "//", "/../", "/./", "%2e", "%2E", "%2F", "%5C", "\\\\", ";", "\\t", "\\n", "\\u0000", "?", "#",
        "@", ":", ":443", ":80", ":", "É", "ü",
        "%C3%BC", "%c3", "%25", "%41", "%20", "%3B", "%00", "xn--", "-", "[", "]", "|", "^", "'", " ", "A", "Z", "0x7f",
        "1.2", "0", "{", "}", "<", "`", "%", "~",
        "\\u00a0", "\\ufeff", "．", "／", "localhost", "C:", "*", "!", "$", "&", "=", "+", ",", "_",
    ]
    private static let words = [
        "\"", "\\", "{", "}", "[", "]", ",", ":", "null", "\"name\":\"delete\",", "\"Method\":1,", "\\u0000", "\\u006d",
        "\"id\":2,", " ", "\n", "0", "-",
        "e", "é", "\u{0}", "\"method\":\"ping\",", "\u{A0}", "\u{FEFF}", "\u{2003}", "\u{200B}", "ｔ", "／", "ſ",
        "\u{212A}", "\\ud800", "\\u00a0",
        "\"uri\":\"file:///x\",", "\"resource_subscriptions\":[\"a:b\"],", "\"URI\":1,", "\"params\":{},",
        "\"ref\":{},", "_", "\u{AD}", "1e3", "1.0",
    ]

    static func body(_ random: inout SplitMix) -> [UInt8] {
        var text = seeds.randomElement(using: &random)!
        if text.contains("URI") {
            var uri = Array(uris.randomElement(using: &random)!.utf8)
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let place = Int.random(in: 0...uri.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0 where place < uri.count: uri.remove(at: place)
                case 1 where place < uri.count: uri[place] ^= 0x20
                case _: uri.insert(contentsOf: parts.randomElement(using: &random)!.utf8, at: place)
                }
            }
            text = text.replacing("URI", with: String(decoding: uri, as: UTF8.self), maxReplacements: 1)
            if Bool.random(using: &random) { return Array(text.utf8) }
        }
        var body = Array(text.utf8)
        for _ in 0..<Int.random(in: 0...2, using: &random) { bend(&body, &random) }
        return body
    }

    private static func bend(_ body: inout [UInt8], _ random: inout SplitMix) {
        let place = Int.random(in: 0..<max(1, body.count), using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0, 1: body.insert(contentsOf: words.randomElement(using: &random)!.utf8, at: min(place, body.count))
        case 2 where !body.isEmpty: body.remove(at: place)
        case 3 where !body.isEmpty: body[place] = UInt8.random(in: 0...255, using: &random)
        case _ where !body.isEmpty: body[place] ^= 0x20
        case _: break
        }
    }
}
