import GatehouseCore
import Testing

@testable import GatehouseMCP

/// From 2026-07-28 on, header fields say what the body says.
@Suite struct MirroredFieldsTests {
    private static func agree(_ method: String?, _ name: String?, _ body: String) throws -> Bool {
        let body = Array(body.utf8)
        return try body.withUnsafeBytes { bytes in
            guard case .single(let message) = try RPCGate.scan(bytes, allowsBatch: false) else { return false }
            func lend(_ text: String?, _ use: (UnsafeRawBufferPointer?) -> Bool) -> Bool {
                guard let text else { return use(nil) }
                return Array(text.utf8).withUnsafeBytes { use($0) }
            }
            return lend(method) { method in
                lend(name) { MirroredFields(method: method, name: $0).agree(with: message, in: bytes) }
            }
        }
    }

    private static func call(_ name: String) -> String {
        #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\#(name)"}}"#
    }

    @Test(
        arguments: [
            ("tools/call", "echo", "echo", true), ("tools/call", "echo", "ech\\u006f", true),
            // A missing field contradicts nothing.
            (nil, "echo", "echo", true), ("tools/call", nil, "echo", true), (nil, nil, "echo", true),
            (nil, "other", "echo", false), ("tools/list", nil, "echo", false), ("", "echo", "echo", false),
            ("tools/call", "", "echo", false), ("tools/list", "echo", "echo", false),
            ("tools/call", "other", "echo", false),
            ("Tools/call", "echo", "echo", false), ("tools/call", "Echo", "echo", false),
            ("tools/call", "=?base64?ZWNobw==?=", "echo", true), ("tools/call", "=?base64?ZWNobw?=", "echo", false),
            ("tools/call", "=?base64?ZWNobx==?=", "echo", false),
            ("tools/call", "=?base64?w7x+Pz8=?=", "\u{fc}~??", true),
            ("tools/call", "=?base64?w7x-Pz8=?=", "\u{fc}~??", false), ("tools/call", "=?base64?_?=", "echo", false),
            // All of the frame or none of it; within it stands base64, be it empty.
            ("tools/call", "=!base64?ZWNobw==?=", "echo", false), ("tools/call", "=?base64?ZWNobw==!=", "echo", false),
            ("tools/call", "=?base64?ZWNobw==?!", "echo", false), ("tools/call", "=?base64??=", "=?base64??=", false),
            ("tools/call", "=?base64?=", "=?base64?=", true),
            ("tools/call", "=!base64?ZWNobw==?=", "=!base64?ZWNobw==?=", true),
        ] as [(String?, String?, String, Bool)]
    )
    func `both must agree, escapes and base64 resolved`(method: String?, name: String?, called: String, agrees: Bool)
        throws
    {
        #expect(try Self.agree(method, name, Self.call(called)) == agrees)
    }

    @Test func `only calls by name have a name, and responses mirror nothing`() throws {
        #expect(try Self.agree("ping", nil, #"{"jsonrpc":"2.0","id":1,"method":"ping"}"#))
        #expect(try Self.agree("tools/list", "x", #"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#))
        #expect(try Self.agree(nil, nil, #"{"jsonrpc":"2.0","id":1,"result":{}}"#))
        let read = #"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"memo://one","name":"x"}}"#
        #expect(try Self.agree("resources/read", "memo://one", read))
        #expect(try !Self.agree("resources/read", "x", read))
        for (method, params) in [
            ("resources/subscribe", #"{"uri":"memo://one"}"#), ("tasks/get", #"{"taskId":"t"}"#),
            ("completion/complete", #"{"ref":{"type":"ref/prompt","name":"p"}}"#),
        ] {
            #expect(try Self.agree(method, "x", #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":\#(params)}"#))
        }
    }

    @Test(arguments: [
        ("echo", "echo"), ("a b", "a b"), ("~", "~"), (" a", "=?base64?IGE=?="), ("a ", "=?base64?YSA=?="),
        ("ü", "=?base64?w7w=?="),
        ("a\tb", "=?base64?YQli?="), ("a\u{7F}", "=?base64?YX8=?="), ("=?x", "=?base64?PT94?="), ("?=x", "?=x"),
        ("", ""),
    ])
    func `a name is written as a field can carry it, and read as the same`(name: String, field: String) throws {
        #expect(MirroredFields.written(name) == field)
        let escaped = name.replacing("\t", with: "\\t")
        #expect(try name.isEmpty || Self.agree("tools/call", field, Self.call(escaped)))
    }

    // MARK: - Arguments

    /// Grants of which one limits the tool `copy` to some places and sizes.
    private static func permits() throws -> Permits {
        let rules = try ArgumentRules([
            .init(MemberPath(parsing: "target"), .oneOf([.text(ArgumentPattern(Glob("public/*")))])),
            .init(MemberPath(parsing: "force"), .oneOf([.boolean(false)])),
        ])
        let tools = [Grant.Tool(Glob("copy"), arguments: rules), Grant.Tool(Glob("free"))]
        let grant = Grant(Grant.Callers(users: [Glob("*")]), tools: tools, prompts: [], resources: [])
        return Permits(Policy(grants: [grant]), of: Principal(kind: .user, name: "ann@example.com"))
    }

    private static func agrees(_ token: String, _ value: String, _ body: String) throws -> Bool {
        let (token, value, body) = (Array(token.utf8), Array(value.utf8), Array(body.utf8))
        let permits = try permits()
        return try body.withUnsafeBytes { bytes in
            guard case .single(let message) = try RPCGate.scan(bytes, allowsBatch: false) else { return false }
            return token.withUnsafeBytes { token in
                value.withUnsafeBytes {
                    MirroredFields.agrees(argument: token, $0, with: message, by: permits, in: bytes)
                }
            }
        }
    }

    @Test(
        arguments: [
            ("target", "public/a", true), ("Target", "public/a", true), ("target", "=?base64?cHVibGljL2E=?=", true),
            ("target", "public/b", false), ("target", "secret", false), ("target", "=?base64?cHVibGljL2I=?=", false),
            ("target", "", false), ("force", "false", true), ("force", "true", false), ("force", "False", false),
            // Of the others nobody has said anything.
            ("other", "x", true), ("targets", "secret", true),
        ]
    )
    func `a field that repeats an argument says what the rules have judged`(token: String, value: String, agrees: Bool)
        throws
    {
        func call(
            _ tool: String,
            _ arguments: String = #","arguments":{"target":"public/a","force":false,"other":"y"}"#
        ) -> String {
            #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\#(tool)"\#(arguments)}}"#
        }
        #expect(try Self.agrees(token, value, call("copy")) == agrees)
        // What is no call that depends on its arguments contradicts no field.
        for body in [
            call("free"), call("unknown"), #"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"copy"}}"#,
            #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#,
            #"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
        ] {
            #expect(try Self.agrees(token, value, body))
        }
        // One that the rules deny is repeated by none.
        for arguments in ["", #","arguments":{"target":"secret","force":false}"#] {
            #expect(try !Self.agrees(token, value, call("copy", arguments)))
        }
    }

    @Test(arguments: [
        ("2026-07-28", true, false), ("2027-01-01", true, false), ("2025-11-25", false, false),
        ("2025-03-26", false, true), ("2024-11-05", false, false), ("draft", false, false),
        ("2026-07-2x", false, false),
        ("20260728", false, false), ("2026_07_28", false, false),
    ])
    func `a version tells whether there are mirrors and batches`(text: String, mirrors: Bool, batches: Bool) {
        let version = Array(text.utf8).withUnsafeBytes { ProtocolVersion($0) }
        #expect(version.mirrorsBody == mirrors)
        #expect(version.hasBatches == batches)
        #expect(ProtocolVersion.unstated.hasBatches && !ProtocolVersion.unstated.mirrorsBody)
    }
}
