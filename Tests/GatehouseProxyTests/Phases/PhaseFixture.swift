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
    convenience init(_ text: String, routes: [Route]) throws {
        let snapshot = try Gateway.snapshot(routes)
        var inbound = InboundBytes()
        inbound.receive(ByteBuffer(string: text))
        let progress = inbound.parseHead()
        try #require(progress == .complete)
        self.init(inbound, snapshot)
    }

    private init(_ inbound: consuming InboundBytes, _ snapshot: ProxySnapshot) {
        let head = inbound.head
        let received = inbound.bytes
        body.begin(head.framing, trailers: .response)
        tables = GateTables(
            Self.key,
            legacy: LegacySessions(),
            rates: RateTable(),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        )
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

    func judge() throws -> GatePhase.Result {
        let route = try admit()
        return GatePhase.judge(inbound, &body, exchange, on: route, &tables)
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
