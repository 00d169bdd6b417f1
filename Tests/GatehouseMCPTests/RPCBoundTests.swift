import GatehouseCore
import Testing

@testable import GatehouseMCP

/// What is just within a bound of the gate's reader and what is just beyond it, and the segments of paths that may be sessions.
@Suite struct RPCBoundTests {
    private static func x(_ count: Int) -> String { String(repeating: "x", count: count) }

    @Test func `an id has 256 bytes with its quotation marks, and one more is refused`() throws {
        func body(_ count: Int) -> String { #"{"jsonrpc":"2.0","id":"\#(Self.x(count))","method":"ping"}"# }
        #expect(try Bodies.read(body(254)).map { $0.id?.utf8.count } == [256])
        #expect(Bodies.fault(body(255)) == .id)
    }

    @Test func `a method has 128 bytes, and none or one more is refused`() throws {
        func body(_ method: String) -> String { #"{"jsonrpc":"2.0","method":\#(method)}"# }
        #expect(try Bodies.read(body("\"\(Self.x(128))\"")).map { $0.method?.utf8.count } == [128])
        #expect(Bodies.fault(body("\"\(Self.x(129))\"")) == .method)
        #expect(Bodies.fault(body("\"\"")) == .method)
        #expect(Bodies.fault(body("5")) == .method)
    }

    @Test func `a batch has 64 messages, and one more is refused`() throws {
        func body(_ count: Int) -> String {
            "[\((0..<count).map { #"{"jsonrpc":"2.0","id":\#($0),"method":"ping"}"# }.joined(separator: ","))]"
        }
        #expect(try Bodies.read(body(64)).count == 64)
        #expect(Bodies.fault(body(65)) != nil)
    }

    /// A caller who is limited may call what his grants name, and nothing that cannot be asked of them.
    @Test func `a target of 8 KiB is asked of the grants, and a longer one is not`() throws {
        func isMalformed(_ count: Int) throws -> Bool {
            let body = #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\#(Self.x(count))"}}"#
            return try Array(body.utf8).withUnsafeBytes { bytes in
                try RPCGate.scan(bytes, allowsBatch: true).contains { $0.isMalformed }
            }
        }
        #expect(try !isMalformed(8 << 10))
        #expect(try isMalformed((8 << 10) + 1))
        #expect(try isMalformed(0))
        #expect(RPCGate.isTarget(Self.x(8 << 10)) && !RPCGate.isTarget(Self.x((8 << 10) + 1)) && !RPCGate.isTarget(""))
    }

    // MARK: - Paths

    private static func bytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        Array(text.utf8).withUnsafeBytes(body)
    }

    @Test func `an id in a path has 16 bytes and a digit`() {
        for (segment, isID) in [
            ("abcdefghijklmno1", true), ("abcdefghijklmn1", false), ("abcdefghijklmnop", false),
            ("abcdefgh-jklm_o1", true), ("abcdefghijklmno1.", false), ("", false),
            (String(repeating: "1", count: SessionTags.maximumID), true),
            (String(repeating: "1", count: SessionTags.maximumID + 1), false),
        ] {
            #expect(Self.bytes(segment, PathSession.isID) == isID, "\(segment.prefix(20))")
        }
    }

    @Test func `a tag ends a segment behind a dot, of an id's bytes alone`() {
        let rest = Self.x(SessionTags.length - 1)
        for (segment, isTagged) in [
            ("a.\(rest)", true), (".\(rest)", false), ("a-\(rest)", false), ("a.\(rest.dropLast())", false),
            ("a.\(rest.dropLast())!", false), ("", false),
        ] {
            #expect(Self.bytes(segment, PathSession.isTagged) == isTagged, "\(segment)")
        }
    }

    @Test func `directories are those before what begins like an id, folded`() {
        func directories(_ path: String) -> [String] {
            Self.bytes(path, PathSession.directories).map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(directories("/Messages/abcdefghijklmno1") == ["/messages/"])
        #expect(directories("/a;b=c/ABCDEFGHIJKLMNO1;x/y") == ["/a/"])
        #expect(directories("/abcdefghijklmno1/0123456789abcdef.json") == ["/", "/abcdefghijklmno1/"])
        #expect(directories("/messages/short1") == [])
        #expect(PathSession.told("/Post/".utf8) == PathSession.told("/post".utf8))
        #expect(PathSession.told("/post".utf8).dropFirst() == Array("/post".utf8)[...])
    }
}
