import GatehouseCore
import Testing

@testable import GatehouseMCP

/// A value that an upstream hands to one caller is that caller's, on that route, as that kind of value, by its tag alone.
@Suite struct OwnedTagTests {
    static let ann = Principal(kind: .user, name: "ann@example.com")
    static let bob = Principal(kind: .user, name: "bob@example.com")
    static let keys = PurposeKeys(current: Secret("first"))
    static let tags = SessionTags(keys)

    static func bind(
        _ kind: OwnedKind,
        _ value: String,
        _ tags: SessionTags = tags,
        route: String = "coda",
        of principal: Principal = ann
    ) throws -> String {
        let route = try RouteName(parsing: route)
        let tag = try Array(value.utf8).withUnsafeBytes {
            try #require(tags.owned.tag(kind, $0, route: route, principal: principal))
        }
        return value + String(decoding: tag, as: UTF8.self)
    }

    private static func accepts(
        _ kind: OwnedKind,
        _ value: String,
        _ tags: SessionTags = tags,
        route: String = "coda",
        of principal: Principal = ann
    ) throws -> Bool {
        let route = try RouteName(parsing: route)
        return Array(value.utf8).withUnsafeBytes {
            tags.owned.accepted(kind, $0, route: route, principal: principal) != nil
        }
    }

    private func withTarget(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        try Array(text.utf8).withUnsafeBytes { try body($0) }
    }

    @Test func `a value is its owner's on its route, and nobody else's`() throws {
        for kind in [OwnedKind.task, .event] {
            let value = try Self.bind(kind, "a1b2 ü")
            #expect(value.utf8.count == 7 + OwnedTags.length)
            #expect(try Self.accepts(kind, value))
            #expect(try !Self.accepts(kind, value, of: Self.bob))
            #expect(try !Self.accepts(kind, value, of: Principal(kind: .service, name: "ann@example.com")))
            #expect(try !Self.accepts(kind, value, route: "other"))
            for place in 0..<value.utf8.count {
                var bytes = Array(value.utf8)
                bytes[place] ^= 1
                let route = try RouteName(parsing: "coda")
                #expect(
                    !bytes.withUnsafeBytes {
                        Self.tags.owned.accepted(kind, $0, route: route, principal: Self.ann) != nil
                    }
                )
            }
        }
    }

    @Test func `a tag of one kind is none of another, nor of a session`() throws {
        let route = try RouteName(parsing: "coda")
        try withTarget("echo") { target in
            let kinds: [OwnedKind] = [.task, .event, .requestState(.toolsCall, target: target)]
            let values = try kinds.map { try Self.bind($0, "x") }
            #expect(Set(values).count == 3)
            for (index, value) in values.enumerated() {
                for (other, kind) in kinds.enumerated() {
                    #expect(try Self.accepts(kind, value) == (index == other))
                }
                #expect(
                    !Array(value.utf8).withUnsafeBytes {
                        Self.tags.accepts($0, route: route, principal: Self.ann)
                    }
                )
            }
            let tag = try Array("x".utf8).withUnsafeBytes {
                try #require(Self.tags.tag(for: $0, route: route, principal: Self.ann))
            }
            let session = "x" + String(decoding: tag, as: UTF8.self)
            for kind in kinds { #expect(try !Self.accepts(kind, session)) }
        }
    }

    @Test func `a request state is the rest of one call`() throws {
        try withTarget("echo") { echo in
            let state = try Self.bind(.requestState(.toolsCall, target: echo), "s")
            #expect(try Self.accepts(.requestState(.toolsCall, target: echo), state))
            #expect(try !Self.accepts(.requestState(.promptsGet, target: echo), state))
            for (target, value) in [("ech", "o" + state), ("delete", state)] {
                try withTarget(target) { other in
                    let isAccepted = try Self.accepts(.requestState(.toolsCall, target: other), value)
                    #expect(!isAccepted)
                }
            }
        }
    }

    @Test func `every key of the instance checks, the current one makes`() throws {
        let rotated = SessionTags(PurposeKeys(current: Secret("second"), older: [Secret("first")]))
        let old = try Self.bind(.task, "t")
        #expect(try Self.accepts(.task, old, rotated))
        let new = try Self.bind(.task, "t", rotated)
        #expect(new != old)
        #expect(try !Self.accepts(.task, new))
    }

    @Test func `what is too long or empty gets no tag`() throws {
        let route = try RouteName(parsing: "coda")
        for (size, isTagged) in [(0, false), (1, true), (1024, true), (1025, false)] {
            let value = [UInt8](repeating: 0x61, count: size)
            let tag = value.withUnsafeBytes {
                Self.tags.owned.tag(.task, $0, route: route, principal: Self.ann)
            }
            #expect((tag != nil) == isTagged)
        }
    }
}
