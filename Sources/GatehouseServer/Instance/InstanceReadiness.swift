internal import CurlClient
internal import GatehouseCore

/// The answer of a running instance to `/readyz` on its admin listener.
package struct InstanceReadiness: Sendable {
    /// Time from the call to the end of the answer. A container's health check has a timeout of its own, which is rarely shorter.
    package static let timeout: Duration = .seconds(2)
    /// Bytes of an answer.
    static let maximumBytes = 256 << 10

    package typealias Check = ReadinessCheck

    /// Whether it serves at least one route.
    package let isReady: Bool
    /// Whether it is ready and something fails all the same.
    package let isDegraded: Bool
    package let checks: [Check]
    /// The findings, in the words of the doctor. Empty also for an instance of 0.1.0, which sends none.
    package let findings: [Finding]

    /// Asks an instance.
    ///
    /// - Throws: ``GatehouseError`` when no answer comes in ``timeout``, or one that is not Gatehouse's.
    package static func ask(_ instance: InstanceCall) async throws(GatehouseError) -> InstanceReadiness {
        let response = try await instance.perform("GET", "/readyz", timeout: timeout, maximumBody: maximumBytes)
        guard response.status == 200 || response.status == 503, let answer = InstanceReadiness(response.body.bytes)
        else {
            throw GatehouseError(
                .unusable,
                "what answers on \(instance.address) is not Gatehouse: status \(response.status)"
            )
        }
        return answer
    }

    /// Reads the answer: `{"ready":…,"checks":{"keys":{"ready":…,"detail":"…"},…},"findings":[…]}`. Nil when it is none.
    init?(_ bytes: [UInt8]) {
        let answer: InstanceReadiness? = bytes.withUnsafeBytes { bytes in
            do throws(JSONFault) { return try Self.read(bytes) } catch { return nil }
        }
        guard let answer else { return nil }
        self = answer
    }

    private init(isReady: Bool, isDegraded: Bool, checks: [Check], findings: [Finding]) {
        self.isReady = isReady
        self.isDegraded = isDegraded
        self.checks = checks
        self.findings = findings
    }

    private static func read(_ bytes: UnsafeRawBufferPointer) throws(JSONFault) -> InstanceReadiness? {
        var scanner = try JSONScanner(bytes)
        var isReady: Bool?
        var isDegraded = false
        var checks: [Check] = []
        var findings: [Finding] = []
        try scanner.beginObject()
        while let name = try scanner.nextMember() {
            if name == "ready", scanner.next == .bool {
                isReady = try scanner.bool()
            } else if name == "ready", scanner.next == .string {
                isDegraded = try scanner.string().text == "degraded"
                isReady = isDegraded
            } else if name == "findings", scanner.next == .array {
                try scanner.beginArray()
                while try scanner.nextElement(), scanner.next == .object {
                    if let finding = try Finding(&scanner) { findings.append(finding) }
                }
            } else if name == "checks", scanner.next == .object {
                try scanner.beginObject()
                while let name = try scanner.nextMember()?.text, scanner.next == .object {
                    checks.append(try check(name, &scanner))
                }
            } else {
                _ = try scanner.skip()
            }
        }
        try scanner.finish()
        return isReady.map {
            InstanceReadiness(isReady: $0, isDegraded: isDegraded, checks: checks, findings: findings)
        }
    }

    private static func check(_ name: String, _ scanner: inout JSONScanner) throws(JSONFault) -> Check {
        var isReady = false
        var detail = ""
        try scanner.beginObject()
        while let name = try scanner.nextMember() {
            if name == "ready", scanner.next == .bool {
                isReady = try scanner.bool()
            } else if name == "detail", scanner.next == .string {
                detail = try scanner.string().text
            } else {
                _ = try scanner.skip()
            }
        }
        return Check(name: name, isReady: isReady, detail: detail)
    }
}
