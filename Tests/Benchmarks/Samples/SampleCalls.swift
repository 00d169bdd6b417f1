package import GatehouseAudit
package import GatehouseCore

/// Calls of a tool, each recorded as the proxy records it: a decision and its outcome.
package struct SampleCalls: Sendable {
    package static let keys: AuditKeys = {
        func key(_ byte: UInt8) -> PurposeKeys { PurposeKeys(current: Secret([UInt8](repeating: byte, count: 32))) }
        return AuditKeys(chain: key(1), digest: key(2), sealing: key(3), ring: key(4))
    }()

    private let start: Timestamp
    private let route: Route
    private let caller: Caller
    /// Method, path, called method, its id and tool, address, ray and arguments of a call, one behind the other.
    private let text: [UInt8]

    /// - Parameter start: when the first call comes; the others follow every ten microseconds.
    package init(from start: Timestamp, arguments: String) throws {
        self.start = start
        route = try Route(
            name: RouteName(parsing: "coda"),
            host: .any,
            audiences: ["aud"],
            upstream: Upstream(parsing: "http://127.0.0.1:8080")
        )
        caller = Caller(
            principal: Principal(kind: .user, name: "ops@example.com", subject: "7335d417-61da-459d-899c-0a01c76a2f94"),
            expiresAt: start + .seconds(3600),
            keyID: "8ef1c2"
        )
        text = Array("POST/mcptools/call17list_rows203.0.113.98f2b1c3d4e5f6071-FRA\(arguments)".utf8)
    }

    package func requestID(_ number: Int) -> RequestID {
        var generator = SplitMix(state: UInt64(number))
        return RequestID(at: start + .microseconds(number * 10), using: &generator)
    }

    package func decision(_ number: Int, to lane: SpoolLane) -> AuditReceipt {
        text.withUnsafeBytes { text in
            func part(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: text[range]) }
            var facts = AuditFacts(.decision, of: requestID(number), at: start + .microseconds(number * 10))
            facts.route = route
            facts.caller = caller
            facts.token = (route.name.ownToken, 3)
            facts.httpMethod = part(0..<4)
            facts.path = part(4..<8)
            facts.rpcMethod = part(8..<18)
            facts.rpcID = part(18..<20)
            facts.target = part(20..<29)
            facts.clientIP = part(29..<40)
            facts.cfRay = part(40..<60)
            facts.arguments = part(60..<text.count)
            return lane.record(facts)
        }
    }

    package func outcome(_ number: Int, to lane: SpoolLane) -> AuditReceipt {
        var facts = AuditFacts(.outcome, of: requestID(number), at: start + .microseconds(number * 10 + 5))
        facts.status = 200
        facts.upstreamStatus = 200
        facts.bytesIn = 250
        facts.bytesOut = 300
        facts.durationMicroseconds = 1234
        facts.upstreamMicroseconds = 1100
        facts.ending = .complete
        return lane.record(facts)
    }
}

/// The same words for the same number, without any order.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}
