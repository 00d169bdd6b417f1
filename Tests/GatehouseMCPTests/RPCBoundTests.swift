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
        for (count, refusal) in [(1, nil), (8 << 10, nil), ((8 << 10) + 1, .targetMalformed), (0, .targetMalformed)]
            as [(Int, Reason?)]
        {
            #expect(try Self.refusal("tools/call", #"{"name":"\#(Self.x(count))"}"#) == refusal)
            let uri = count == 0 ? "" : String("x:\(Self.x(count))".prefix(max(3, count)))
            let uris = #"{"notifications":{"resourceSubscriptions":["x:y","\#(uri)"]}}"#
            #expect(try Self.refusal("subscriptions/listen", uris) == refusal)
        }
        #expect(RPCGate.isTarget(Self.x(8 << 10)) && !RPCGate.isTarget(Self.x((8 << 10) + 1)) && !RPCGate.isTarget(""))
    }

    /// The refusal of a caller who may use what begins with an x.
    private static func refusal(_ method: String, _ params: String) throws -> Reason? {
        let body = #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":\#(params)}"#
        return try Array(body.utf8).withUnsafeBytes { bytes in
            guard case .single(let message) = try RPCGate.scan(bytes, allowsBatch: false) else { return nil }
            return message.refusal(by: Bodies.permits(["x*"]), in: bytes)
        }
    }

    @Test func `a subscription names 256 resources and 64 tasks, and with one more none of them counts`() throws {
        func listen(_ count: Int) throws -> Reason? {
            let uris = Array(repeating: #""x:y""#, count: count).joined(separator: ",")
            return try Self.refusal("subscriptions/listen", #"{"notifications":{"resourceSubscriptions":[\#(uris)]}}"#)
        }
        #expect(try listen(256) == nil)
        #expect(try listen(257) == .targetMalformed)
        func tasks(_ count: Int) throws -> [Bool] {
            let ids = Array(repeating: #""t""#, count: count).joined(separator: ",")
            let body =
                #"{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"taskIds":[\#(ids)]}}}"#
            return try Array(body.utf8).withUnsafeBytes { bytes in
                guard case .single(let message) = try RPCGate.scan(bytes, allowsBatch: false) else { return [] }
                return message.owned.map { $0.text != nil }
            }
        }
        #expect(try tasks(64) == Array(repeating: true, count: 64))
        // A value that belongs to nobody among them refuses them all.
        #expect(try tasks(65) == [false] + Array(repeating: true, count: 63))
    }

    @Test func `a call is nested 512 levels deep, and with one more it is not asked of the grants`() throws {
        // The message and its params are the first two of them.
        func call(_ depth: Int) throws -> Reason? {
            let arguments = String(repeating: "[", count: depth - 2) + String(repeating: "]", count: depth - 2)
            return try Self.refusal("tools/call", #"{"name":"x","arguments":\#(arguments)}"#)
        }
        #expect(try call(512) == nil)
        #expect(try call(513) == .targetMalformed)
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
            ("a.\(rest.dropLast())!", false), ("a.!\(rest.dropLast())", false), ("", false),
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
        #expect(directories("/m/5f0c1b0e-2f7a-4c0b-9f6e-0d8f7a1b2c3d") == ["/m/"])
        #expect(PathSession.told("/Post/".utf8) == PathSession.told("/post".utf8))
        #expect(PathSession.told("/post".utf8).dropFirst() == Array("/post".utf8)[...])
        #expect(PathSession.told("Post;a/B;c".utf8).dropFirst() == Array("post/b".utf8)[...])
    }
}
