import GatehouseAudit
import GatehouseCore

/// The events of calls as they come.
enum Work {
    static let keys: AuditKeys = {
        func key(_ byte: UInt8) -> PurposeKeys { PurposeKeys(current: Secret([UInt8](repeating: byte, count: 32))) }
        return AuditKeys(chain: key(1), digest: key(2), sealing: key(3))
    }()

    static func settings(_ spool: String) -> AuditSettings {
        var settings = AuditSettings(spool: spool)
        settings.keys = keys
        settings.maxSpool = 4 << 30
        return settings
    }

    private static let route = try! Route(
        name: TokenName(parsing: "coda"),
        host: .any,
        audiences: ["aud"],
        upstream: Upstream(parsing: "http://127.0.0.1:8080")
    )
    private static let caller = Caller(
        principal: Principal(kind: .user, name: "ada@example.com", subject: "7335d417-61da-459d-899c-0a01c76a2f94"),
        expiresAt: Timestamp(seconds: 4_000_000_000),
        keyID: "b6f3d9e1c0a4"
    )
    private static let arguments = Array(repeating: UInt8(ascii: "x"), count: 300)
    private static let texts = ["POST", "/mcp", "tools/call", "17", "list_docs", "203.0.113.7", "8f2b6c1d0e4a-FRA"]
        .map { Array($0.utf8) }
    static let start = SystemClock().now()

    static func requestID(_ number: Int) -> RequestID { RequestID(high: 0x1234_5678_9ABC_DEF0, low: UInt64(number)) }

    static func decision(_ number: Int, to lane: SpoolLane) -> AuditReceipt {
        var facts = AuditFacts(.decision, of: requestID(number), at: start + .microseconds(number * 10))
        facts.route = route
        facts.caller = caller
        facts.token = (route.name, 3)
        return texts[0].withUnsafeBytes { method in
            texts[1].withUnsafeBytes { path in
                texts[2].withUnsafeBytes { rpc in
                    texts[4].withUnsafeBytes { target in
                        texts[5].withUnsafeBytes { ip in
                            texts[6].withUnsafeBytes { ray in
                                arguments.withUnsafeBytes { arguments in
                                    facts.httpMethod = method
                                    facts.path = path
                                    facts.rpcMethod = rpc
                                    facts.target = target
                                    facts.clientIP = ip
                                    facts.cfRay = ray
                                    facts.arguments = arguments
                                    return lane.record(facts)
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    static func outcome(_ number: Int, to lane: SpoolLane) -> AuditReceipt {
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

/// Times that were measured.
struct Times {
    private var values: [Duration] = []
    var count: Int { values.count }

    mutating func add(_ value: Duration) { values.append(value) }

    func quantile(_ part: Double) -> Duration {
        let sorted = values.sorted()
        return sorted.isEmpty ? .zero : sorted[min(sorted.count - 1, Int(part * Double(sorted.count)))]
    }

    static func text(_ time: Duration) -> String {
        let micros = time / .nanoseconds(1) / 1000
        return micros < 1000 ? "\((micros * 100).rounded() / 100) µs" : "\((micros / 10).rounded() / 100) ms"
    }
}
