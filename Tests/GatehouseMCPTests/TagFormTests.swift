import Crypto
import GatehouseCore
import Testing

@testable import GatehouseMCP

/// Tags are made as it is written at their types, by which every replica and every later version takes them: computed here from those words alone.
@Suite struct TagFormTests {
    private static let secret = Secret("first")
    private static let tags = SessionTags(PurposeKeys(current: secret))
    private static let rotated = SessionTags(PurposeKeys(current: Secret("second"), older: [secret]))
    private static let ann = Principal(kind: .user, name: "ann@example.com")

    /// Bytes with their length before them, four bytes, little endian.
    private static func counted(_ bytes: [UInt8]) -> [UInt8] { [UInt8(bytes.count), 0, 0, 0] + bytes }
    private static func counted(_ text: String) -> [UInt8] { counted(Array(text.utf8)) }

    private static let owner = counted("coda") + counted("user") + counted("ann@example.com")

    private static func tag(_ beginning: [UInt8], _ value: [UInt8]) -> [UInt8] {
        let code = HMAC<SHA256>.authenticationCode(
            for: beginning + value,
            using: SymmetricKey(data: Array("first".utf8))
        )
        return [0x2E] + Array(Base64URL.encode(Array(code.prefix(16))).utf8)
    }

    private static func x(_ count: Int) -> [UInt8] { Array(repeating: 0x78, count: count) }

    // MARK: - Sessions

    private static let opening: [UInt8] = [0xFE, 0xFF, 0xFF, 0xFF]

    @Test func `a session's tag is what is written of it`() throws {
        let route = try RouteName(parsing: "coda")
        for id in [Array("7f3a.9".utf8), Self.x(4096)] {
            id.withUnsafeBytes { id in
                #expect(Self.tags.tag(for: id, route: route, principal: Self.ann) == Self.tag(Self.owner, Array(id)))
                #expect(
                    Self.tags.tag(for: id, route: route, principal: Self.ann, opensAddresses: true)
                        == Self.tag(Self.opening + Self.owner, Array(id))
                )
            }
        }
    }

    /// No client opens an address because the session of another kind of client was presented.
    @Test func `a session is that of a client that opens addresses, or of one that does not`() throws {
        let route = try RouteName(parsing: "coda")
        for (beginning, plain, opening) in [(Self.owner, true, false), (Self.opening + Self.owner, false, true)] {
            (Array("abc".utf8) + Self.tag(beginning, Array("abc".utf8))).withUnsafeBytes { tagged in
                for tags in [Self.tags, Self.rotated] {
                    #expect(tags.accepts(tagged, route: route, principal: Self.ann) == plain)
                    #expect(tags.acceptsOpening(tagged, route: route, principal: Self.ann) == opening)
                }
            }
        }
    }

    @Test(arguments: [(0, false), (1, true), (4096, true), (4097, false)])
    func `an id has 1 to 4096 bytes, and no tag makes another one good`(count: Int, isGood: Bool) throws {
        let route = try RouteName(parsing: "coda")
        let id = Self.x(count)
        (id + Self.tag(Self.owner, id)).withUnsafeBytes { tagged in
            #expect(Self.tags.accepts(tagged, route: route, principal: Self.ann) == isGood)
            let bare = UnsafeRawBufferPointer(rebasing: tagged[..<count])
            #expect((Self.tags.tag(for: bare, route: route, principal: Self.ann) != nil) == isGood)
        }
    }

    @Test func `the audit's hash of a session is that of its tagged id`() {
        let expected = SHA256.hash(data: Array("abc.def".utf8)).prefix(16).flatMap { byte in
            Array((byte < 16 ? "0" : "").utf8) + Array(String(byte, radix: 16).utf8)
        }
        #expect(Array("abc.def".utf8).withUnsafeBytes { SessionTags.hash(of: $0) } == expected)
    }

    @Test func `keys that are kept open what older ones made`() {
        let other = SessionTags(PurposeKeys(current: Secret("third")))
        #expect(Self.rotated.keepAll(of: Self.tags) && Self.rotated.keepCurrent(of: Self.tags))
        #expect(!Self.tags.keepAll(of: Self.rotated) && !Self.tags.keepCurrent(of: Self.rotated))
        #expect(!other.keepAll(of: Self.tags) && !other.keepCurrent(of: Self.tags))
        // One that makes with the same key, and has lost an older one.
        let second = SessionTags(PurposeKeys(current: Secret("second")))
        #expect(second.keepCurrent(of: Self.rotated) && !second.keepAll(of: Self.rotated))
    }

    // MARK: - Values

    private static let marks: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]

    /// - Parameter body: takes the kind, what its tag begins with, and the most bytes that a value of it has.
    private static func withKinds(_ body: (OwnedKind, [UInt8], Int) throws -> Void) rethrows {
        try Array("echo".utf8).withUnsafeBytes { target in
            let call = counted("tools/call") + counted("echo")
            for (kind, mark, rest, maximum) in [
                (OwnedKind.task, 1, [], 1024), (.event, 2, [], 1024),
                (.requestState(.toolsCall, target: target), 3, call, 64 << 10),
                (.connectState(.toolsCall, target: target), 4, call, 1024), (.elicitation, 5, [], 1024),
            ] as [(OwnedKind, UInt8, [UInt8], Int)] {
                try body(kind, marks + [mark] + owner + rest, maximum)
            }
        }
    }

    @Test func `a value's tag is what is written of it, and its kind's bound holds`() throws {
        let route = try RouteName(parsing: "coda")
        Self.withKinds { kind, beginning, maximum in
            for (count, isGood) in [(0, false), (1, true), (maximum, true), (maximum + 1, false)] {
                let value = Self.x(count)
                let tag = Self.tag(beginning, value)
                value.withUnsafeBytes { value in
                    let made = Self.tags.owned.tag(kind, value, route: route, principal: Self.ann)
                    #expect(made == (isGood ? tag : nil), "\(kind) \(count)")
                }
                (value + tag).withUnsafeBytes { tagged in
                    let accepted = Self.tags.owned.accepted(kind, tagged, route: route, principal: Self.ann)
                    #expect(accepted == (isGood ? .current : nil), "\(kind) \(count)")
                    let older = Self.rotated.owned.accepted(kind, tagged, route: route, principal: Self.ann)
                    #expect(older == (isGood ? .older : nil), "\(kind) \(count)")
                }
            }
        }
    }

    @Test(arguments: [
        (".AZaz09-_AZaz09-_AZaz09", true), ("x.AZaz09-_AZaz09-_AZaz09", true), ("..AZaz09-_AZaz09-_AZaz0", false),
        (".AZaz09-_AZaz09-_AZaz0.", false), (".+Zaz09-_AZaz09-_AZaz09", false), (".AZaz09-_AZaz09-_AZaz0", false),
        ("xAZaz09-_AZaz09-_AZaz099", false), ("-AZaz09-_AZaz09-_AZaz09", false), ("", false),
        (".AZaz09-_AZaz09-_AZaz09.", false),
    ])
    func `what ends in a dot and 22 characters of base64url may be tagged`(text: String, ends: Bool) {
        #expect(Array(text.utf8).withUnsafeBytes { KeyedTag.ends($0) } == ends)
    }

    @Test func `what stands before a text is no part of its tag`() {
        Array(".AZaz09-_AZaz09-_AZaz09".utf8).withUnsafeBytes { bytes in
            #expect(KeyedTag.ends(bytes))
            #expect(!KeyedTag.ends(UnsafeRawBufferPointer(rebasing: bytes.dropFirst())))
        }
    }

    @Test func `tags of different lengths are never the same`() {
        for (one, other, isSame) in [
            ("ab", "ab", true), ("ab", "ac", false), ("ab", "abc", false), ("ab", "a", false), ("", "", true),
        ] {
            #expect(
                Array(other.utf8).withUnsafeBytes { KeyedTag.equal(Array(one.utf8), $0) } == isSame,
                "\(one) \(other)"
            )
        }
    }
}
