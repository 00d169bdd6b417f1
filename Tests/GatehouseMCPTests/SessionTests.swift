import GatehouseCore
import Testing

@testable import GatehouseMCP

/// Sessions belong to a route and a principal, by a tag alone.
@Suite struct SessionTests {
    private static let keys = PurposeKeys(current: Secret("first"))
    private static let ann = Principal(kind: .user, name: "ann@example.com", subject: "1")

    private static func bind(
        _ id: String,
        _ tags: SessionTags = SessionTags(keys),
        route: String = "coda",
        of principal: Principal = ann
    ) throws -> String {
        let tag = try Array(id.utf8).withUnsafeBytes {
            try #require(tags.tag(for: $0, route: try RouteName(parsing: route), principal: principal))
        }
        return id + String(decoding: tag, as: UTF8.self)
    }

    private static func accepts(
        _ id: String,
        _ tags: SessionTags = SessionTags(keys),
        route: String = "coda",
        of principal: Principal = ann
    ) throws -> Bool {
        let route = try RouteName(parsing: route)
        return Array(id.utf8).withUnsafeBytes { tags.accepts($0, route: route, principal: principal) }
    }

    @Test func `a session is its owner's on its route`() throws {
        let id = try Self.bind("7f3a.9")
        #expect(id.utf8.count == 6 + SessionTags.length)
        #expect(id.utf8.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || [0x2D, 0x2E, 0x5F].contains($0) })
        #expect(try Self.accepts(id))
        #expect(try !Self.accepts(id, route: "other"))
        #expect(try !Self.accepts(id, of: Principal(kind: .user, name: "bob@example.com")))
        #expect(try !Self.accepts(id, of: Principal(kind: .service, name: "ann@example.com")))
        #expect(try Self.accepts(id, of: Principal(kind: .user, name: "Ann@Example.COM")))
        // The subject may change with another sign-in; the principal is its name.
        #expect(try Self.accepts(id, of: Principal(kind: .user, name: "ann@example.com", subject: "2")))
    }

    @Test func `what is missing, cut or changed is nobody's`() throws {
        let id = try Self.bind("abc")
        for wrong in ["", "abc", ".", id.dropLast().description, id + "x", "x" + id, String(id.dropFirst())] {
            #expect(try !Self.accepts(wrong))
        }
        for place in 0..<id.utf8.count {
            var bytes = Array(id.utf8)
            bytes[place] ^= 1
            #expect(try !Self.accepts(String(decoding: bytes, as: UTF8.self)))
        }
    }

    @Test func `parts of the tagged text cannot be moved between its fields`() throws {
        let id = try Self.bind("c", route: "ab", of: Principal(kind: .user, name: "x"))
        #expect(try !Self.accepts(id, route: "a", of: Principal(kind: .user, name: "bx")))
    }

    @Test func `a rotated key goes on checking and makes no more`() throws {
        let old = try Self.bind("abc")
        let rotated = SessionTags(PurposeKeys(current: Secret("second"), older: [Secret("first")]))
        #expect(try Self.accepts(old, rotated))
        #expect(try Self.bind("abc", rotated) != old)
        #expect(try !Self.accepts(old, SessionTags(PurposeKeys(current: Secret("second")))))
    }

    @Test func `an id that is too long or empty is not bound`() throws {
        let tags = SessionTags(Self.keys)
        let route = try RouteName(parsing: "coda")
        for count in [0, SessionTags.maximumID + 1] {
            let id = [UInt8](repeating: 0x61, count: count)
            #expect(id.withUnsafeBytes { tags.tag(for: $0, route: route, principal: Self.ann) } == nil)
        }
    }

    // MARK: - Legacy

    @Test(arguments: [
        ("session_id=abc", SessionQuery.Found.one(11..<14)), ("a=b&sessionId=x", .one(14..<15)), ("", .none),
        ("a=b", .none), ("xsession_id=1", .none), ("session_id", .one(10..<10)),
        ("sessionid=ABC", .one(10..<13)), ("a&transportId=x", .one(14..<15)), ("sessionid=a&sessionId=b", .ambiguous),
        ("SessionID=a", .one(10..<11)), ("transportid=a", .one(12..<13)), ("transport%49d=a", .ambiguous),
        ("session-id=a", .one(11..<12)), ("mcp-session-id=a", .one(15..<16)), ("transport_id=a", .one(13..<14)),
        ("Mcp-Session-Id=a", .one(15..<16)), ("MCP_SESSION_ID=a", .one(15..<16)), ("x=1&mcpSessionId=a", .one(17..<18)),
        ("session_id[]=a", .ambiguous), ("sessionId[0]=a", .ambiguous), ("session%5Fid%5B%5D=a", .ambiguous),
        ("session[id=a", .ambiguous), ("session.id=a", .ambiguous), ("session+id=a", .ambiguous),
        ("session%20id=a", .ambiguous), ("+session_id=a", .ambiguous), ("session_id%00x=a", .ambiguous),
        ("session-id", .one(10..<10)), ("session-id=a&session_id=a", .ambiguous),
        ("sessions=a", .none), ("session_idx=a", .none), ("mcp=sessionid", .none), ("a[sessionid]=b", .none),
        ("session_id=a&session_id=a", .ambiguous),
        ("session_id=a&sessionId=a", .ambiguous), ("session_id=a;sessionId=b", .ambiguous),
        ("session%5Fid=a", .ambiguous),
        ("Session_Id=a", .one(11..<12)), ("session_id=a%2E", .ambiguous), ("session_id=a+b", .ambiguous),
        ("%73%65%73%73%69%6F%6E%5F%69%64=a", .ambiguous), ("a=b&", .none), ("sessionid=a&", .one(10..<11)),
        // A name of 72 bytes is looked at, and a longer one is no session's in any spelling.
        ("session\(String(repeating: "_", count: 63))id=a", .one(73..<74)),
        ("session\(String(repeating: "_", count: 64))id=a", .none),
    ])
    func `the query's session is found where every reader finds it`(query: String, found: SessionQuery.Found) {
        #expect(Array(query.utf8).withUnsafeBytes { SessionQuery.find(in: $0) } == found)
    }

    @Test func `what stands behind the query is no part of it`() {
        let bytes = Array("session_id%5F".utf8)
        bytes.withUnsafeBytes { bytes in
            let query = UnsafeRawBufferPointer(rebasing: bytes.dropLast())
            #expect(SessionQuery.find(in: query) == .none)
            #expect(SessionQuery.find(in: bytes) == .ambiguous)
        }
    }

    @Test(arguments: [
        ("/m?session_id=abc", "/m?session_id=abc!"), ("/m?a=1&sessionId=abc&b=2#f", "/m?a=1&sessionId=abc!&b=2#f"),
        ("/m?session-id=abc", "/m?session-id=abc!"), ("/m?mcp-session-id=abc", "/m?mcp-session-id=abc!"),
        ("/m", "/m"), ("/m?a=1", "/m?a=1"), ("/m?session_id=a&session_id=b", "/m?session_id=a&session_id=b"),
    ])
    func `an address gets the tag behind its session`(address: String, tagged: String) {
        let endpoint = EndpointAddress(Array(address.utf8)) { _ in [0x21] }
        #expect(endpoint.text == Array(tagged.utf8))
        #expect((endpoint.session == nil) == (address == tagged))
        #expect(endpoint.directory == nil)
        #expect(endpoint.session.map { $0.last == 0x21 } ?? true)
    }

    @Test(arguments: [
        ("/m/5f0c1b0e-2f7a-4c0b-9f6e-0d8f7a1b2c3d", "/m/"), ("/5f0c1b0e2f7a4c0b9f6e0d8f7a1b2c3d?x=1#y", "/"),
        ("https://coda.example/a/b/V1StGXR8_Z5jdHi6B-myT", "/a/b/"),
        // No scheme and authority.
        ("/a:b/V1StGXR8_Z5jdHi6B-myT", "/a:b/"), ("/a://b/V1StGXR8_Z5jdHi6B-myT", "/a://b/"),
        ("a:b/V1StGXR8_Z5jdHi6B-myT", "a:b/"),
    ])
    func `an address without a session in its query may end with one`(address: String, directory: String) throws {
        let endpoint = EndpointAddress(Array(address.utf8)) { _ in [0x21] }
        #expect(try String(decoding: #require(endpoint.directory), as: UTF8.self) == directory)
        let session = try String(decoding: #require(endpoint.session), as: UTF8.self)
        #expect(session.hasSuffix("!") && address.contains(directory + session.dropLast()))
        #expect(String(decoding: endpoint.text, as: UTF8.self).contains(directory + session))
    }

    @Test(arguments: [
        "/messages", "/messages/", "/m/short-1", "/m/a-word-without-digits", "https://coda.example", "",
        "/m/%35f0c1b0e2f7a4c0b9f6e",
    ])
    func `a path that ends with no id stays`(address: String) {
        #expect(EndpointAddress(Array(address.utf8)) { _ in [0x21] }.text == Array(address.utf8))
    }
}
