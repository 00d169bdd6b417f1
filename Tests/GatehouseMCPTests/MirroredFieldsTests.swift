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
