import GatehouseConfig
import GatehouseCore
import Testing

@testable import GatehouseAudit
@testable import GatehouseServer

@Suite("Past messages under another file") struct PolicyReplayTests {
    private static func configuration(_ coda: String, access: String = "") throws -> Configuration {
        let text = """
            version: 1
            access: { team: example\(access) }
            stores: { phase1: { kind: env } }
            routes:
              - name: coda
                host: coda.example.com
                audience: [aud]
                upstream: http://coda:8080
                \(coda)

            """
        return try Configuration(parsing: Array(text.utf8), file: "gatehouse.yaml", environment: [:])
    }

    private static func event(
        _ name: String = "ann@x.de",
        _ changes: [AuditColumn: AuditValue] = [:],
        denied reason: Reason? = nil
    ) -> AuditEvent {
        var generator = SystemRandomNumberGenerator()
        var random = FastRandom()
        let at = Timestamp(seconds: 1_800_000_000)
        var event = AuditEvent(
            id: EventID(at: at, using: &random),
            requestID: RequestID(at: at, using: &generator),
            kind: .decision,
            at: at
        )
        let fields: [AuditColumn: AuditValue] = [
            .route: .text("coda"), .principalKind: .text("user"), .principal: .text(name), .subject: .text("sub"),
            .path: .text("/mcp"), .rpcMethod: .text("tools/call"), .target: .text("read"),
            .decision: .text(reason == nil ? "allow" : "deny"), .httpMethod: .text("POST"),
        ]
        for (column, value) in fields.merging(changes, uniquingKeysWith: { $1 }) { event.set(column, value) }
        if let reason { event.set(AuditColumn.reason, AuditValue.text(reason.rawValue)) }
        return event
    }

    private static func replay(_ configuration: Configuration, _ events: AuditEvent...) -> PolicyReplay {
        var replay = PolicyReplay(configuration)
        for event in events { replay.add(event) }
        return replay
    }

    @Test func `what a narrower file would deny is counted by caller and target`() throws {
        let narrow = try Self.configuration("allow: [ { users: [ann@x.de], tools: [read] }, { users: [bob@x.de] } ]")
        let replay = Self.replay(
            narrow,
            Self.event(),
            Self.event("ann@x.de", [.target: .text("write")]),
            Self.event("ann@x.de", [.target: .text("write")]),
            Self.event("eve@x.de"),
            Self.event("bob@x.de", [.target: .text("write")])
        )
        #expect(replay.messages == 5)
        let found = replay.differences.map { ($0.key.principal, $0.key.target, $0.key.reason, $0.value.messages) }
            .sorted { $0.0 < $1.0 }
        #expect(found.count == 2)
        #expect(found.first.map { $0 == ("ann@x.de", "write", .toolDenied, 2) } == true)
        #expect(found.last.map { $0 == ("eve@x.de", "read", .principalDenied, 1) } == true)
        #expect(replay.differences.keys.allSatisfy { !$0.isGain })
    }

    @Test(arguments: [
        (Reason.toolDenied, "ann@x.de"), (.principalDenied, "eve@x.de"), (.assertionDenied, "former@x.de"),
    ])
    func `what a wider file would allow is a gain`(reason: Reason, name: String) throws {
        let wide = try Self.configuration("protocol: mcp")
        let replay = Self.replay(wide, Self.event(name, denied: reason))
        #expect(replay.differences.keys.map(\.isGain) == [true])
        #expect(replay.differences.keys.first?.reason == reason)
    }

    @Test func `a message that would be decided alike is no difference`() throws {
        let file = try Self.configuration(
            "allow: [ { users: [ann@x.de], tools: [read] } ]",
            access: ", deny: { users: [bob@x.de] }"
        )
        let replay = Self.replay(
            file,
            Self.event(),
            Self.event("ann@x.de", [.target: .text("write")], denied: .toolDenied),
            Self.event("eve@x.de", denied: .principalDenied),
            Self.event("bob@x.de", denied: .assertionDenied)
        )
        #expect(!replay.hasDifferences)
        #expect(replay.omitted.isEmpty)
    }

    @Test func `paths and routes that are gone are denied`() throws {
        let narrow = try Self.configuration("mcp: { paths: [/mcp] }")
        let replay = Self.replay(
            narrow,
            Self.event("ann@x.de", [.path: .text("/rest"), .target: .none, .rpcMethod: .none]),
            Self.event(),
            Self.event("ann@x.de", [.route: .text("gone")])
        )
        #expect(Set(replay.differences.keys.map(\.reason)) == [.pathDenied, .routeUnknown])
    }

    @Test func `calls whose arguments the file rules are not judged, and those that it rules no more are`() throws {
        let ruled = try Self.configuration(
            "allow: [ { users: [ann@x.de], tools: [{ name: read, arguments: { id: [\"a*\"] } }] } ]"
        )
        let under = Self.replay(
            ruled,
            Self.event(),
            Self.event("ann@x.de", denied: .argumentsDenied),
            Self.event("bob@x.de")
        )
        #expect(under.omitted == [.arguments: 2])
        #expect(under.differences.keys.map(\.reason) == [.principalDenied])
        let free = Self.replay(
            try Self.configuration("protocol: mcp"),
            Self.event("ann@x.de", denied: .argumentsDenied)
        )
        #expect(free.differences.keys.map(\.isGain) == [true])
    }

    @Test func `what the audit cannot tell is counted and not judged`() throws {
        let none = try Self.configuration("allow: [ { users: [nobody@x.de] } ]")
        let replay = Self.replay(
            none,
            Self.event("", [.principalKind: .text("none")], denied: .assertionExpired),
            Self.event("ann@x.de", denied: .rateLimited),
            Self.event("ann@x.de", denied: .batchDenied),
            Self.event("ann@x.de", [.target: .text("long…")]),
            Self.event("ann@x.de", [.rpcMethod: .text("completion/complete")]),
            Self.event("glass", [.principalKind: .text("bearer")])
        )
        #expect(!replay.hasDifferences)
        #expect(
            replay.omitted == [
                .noCaller: 1, .otherReason: 2, .cutTarget: 1, .unnamedKind: 1, .bearer: 1,
            ]
        )
        #expect(replay.messages == 6)
    }

    @Test func `arguments, and groups that did not decide, are not in the audit`() throws {
        let ruled = try Self.configuration(
            "allow: [ { users: [ann@x.de], tools: [{ name: list_docs, arguments: { a: [1] } }] }, { users: [bob@x.de] } ]"
        )
        let calls = Self.replay(ruled, Self.event("ann@x.de", [.target: .text("list_docs")]), Self.event("bob@x.de"))
        #expect(!calls.hasDifferences && calls.omitted == [.arguments: 1])
        let access = ", groups: { claim: custom.groups }"
        let grouped = try Self.configuration("allow: [ { groups: [\"team-*\"] } ]", access: access)
        let replay = Self.replay(
            grouped,
            Self.event("ann@x.de", [.callerGroups: .text("staff, team-a")]),
            Self.event("bob@x.de", [.callerGroups: .text("staff")]),
            Self.event("cid@x.de")
        )
        #expect(!replay.hasDifferences && replay.omitted == [.attributes: 2])
    }
}
