import GatehouseCore
import GatehouseMCP
import Logging
import NIOCore
import SocketLoop
import Testing

@testable import GatehouseProxy

/// A request as the phases see it, without a socket: its bytes with a parsed head, the exchange that they began, and the loop's tables.
final class PhaseFixture {
    var inbound: InboundBytes
    var body = RequestBody()
    var tables: GateTables
    let exchange: Exchange
    let snapshot: ProxySnapshot

    static let key = SessionTags(PurposeKeys(current: Secret("the key of these sessions")))

    /// - Parameter text: the request, and as much of its body as has come.
    convenience init(
        _ text: String,
        routes: [Route],
        legacy: LegacySessions = LegacySessions(),
        logger: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    ) throws {
        let snapshot = try Gateway.snapshot(routes)
        var inbound = InboundBytes()
        inbound.receive(ByteBuffer(string: text))
        let progress = inbound.parseHead()
        try #require(progress == .complete)
        self.init(inbound, snapshot, legacy, logger)
    }

    private init(
        _ inbound: consuming InboundBytes,
        _ snapshot: ProxySnapshot,
        _ legacy: LegacySessions,
        _ logger: Logger
    ) {
        let head = inbound.head
        let received = inbound.bytes
        body.begin(head.framing, trailers: .response)
        tables = GateTables(Self.key, legacy: legacy, rates: RateTable(), logger: logger)
        var random = FastRandom()
        exchange = Exchange(
            id: RequestID(at: Timestamp(seconds: 1_800_000_000), using: &random),
            startedAt: Timestamp(seconds: 1_700_000_000),
            started: .now(),
            method: RequestMethod(head, in: received.readableBytesUInt8Span),
            version: head.version,
            snapshot: snapshot,
            tags: Self.key
        )
        self.snapshot = snapshot
        self.inbound = inbound
    }

    /// Brings the request to the gate: routed, and its caller established and granted.
    func admit(_ caller: Caller = PhaseFixture.caller) throws -> PreparedRoute {
        let foundMatch = RoutePhase.find(inbound, in: snapshot)
        let match = try #require(foundMatch)
        exchange.routed(to: match.route, prefix: match.prefix)
        exchange.established(caller)
        exchange.grants(Permits(match.route.route.policy, of: caller.principal))
        return match.route
    }

    func judge(_ caller: Caller = PhaseFixture.caller) throws -> GatePhase.Result {
        let route = try admit(caller)
        return GatePhase.judge(inbound, &body, exchange, on: route, &tables)
    }

    /// A session as its client presents it.
    static func session(of caller: Caller = caller, opensAddresses: Bool = false) throws -> String {
        let id = Array("upstream-session-1".utf8)
        let route = try RouteName(parsing: "coda")
        let tag = id.withUnsafeBytes {
            key.tag(for: $0, route: route, principal: caller.principal, opensAddresses: opensAddresses)
        }
        return String(decoding: id + (try #require(tag)), as: UTF8.self)
    }

    static let caller = Caller(
        principal: Principal(kind: .user, name: "alice@example.com", subject: "sub-alice"),
        expiresAt: Timestamp(seconds: 4_102_444_800),
        keyID: "k1"
    )
}

/// Knows one assertion and one bearer.
final class PhaseAuthenticator: AssertionAuthenticator {
    private let verdict: AssertionVerdict
    private(set) var asked: [String] = []

    init(_ verdict: AssertionVerdict) { self.verdict = verdict }

    func authenticate(_ assertion: UnsafeRawBufferPointer, for route: Route, now: Timestamp) -> AssertionVerdict {
        asked.append("assertion " + String(decoding: assertion, as: UTF8.self))
        return verdict
    }

    func authenticate(bearer: UnsafeRawBufferPointer, now: Timestamp) -> AssertionVerdict {
        asked.append("bearer " + String(decoding: bearer, as: UTF8.self))
        return verdict
    }
}

/// Keeps the facts of each event as text.
final class PhaseRecorder: AuditRecorder {
    private(set) var lines: [String] = []
    private let receipt: AuditReceipt

    init(_ receipt: AuditReceipt = .recorded) { self.receipt = receipt }

    func record(_ facts: borrowing AuditFacts) -> AuditReceipt {
        func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }
        var line = "\(facts.kind)"
        line += " \(text(facts.httpMethod)) \(text(facts.path)) \(text(facts.rpcMethod)) \(text(facts.target))"
        line += " \(facts.refusal.map { "\($0)" } ?? "allowed") \(facts.status)"
        lines.append(line)
        return receipt
    }

    func whenDurable(_ ticket: UInt64, _ callback: @escaping (Bool) -> Void) {}
}
