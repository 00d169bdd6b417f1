internal import CurlClient
internal import GatehouseCore

/// What a running instance answers on `/readyz` of its admin listener.
package struct InstanceReadiness: Sendable {
    /// From the call to the end of the answer. A container's health check has a timeout of its own, which is rarely shorter.
    package static let timeout: Duration = .seconds(2)
    /// Bytes of an answer.
    static let maximumBytes = 64 << 10

    package struct Check: Hashable, Sendable {
        package let name: String
        package let isReady: Bool
        package let detail: String
    }

    package let isReady: Bool
    package let checks: [Check]

    /// Asks an instance.
    ///
    /// - Throws: ``GatehouseError`` when nobody answers there in ``timeout``, or not as Gatehouse does.
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

    /// Reads the answer: `{"ready":…,"checks":{"keys":{"ready":…,"detail":"…"},…}}`. Nil when it is none.
    init?(_ bytes: [UInt8]) {
        let answer: (isReady: Bool, checks: [Check])? = bytes.withUnsafeBytes { bytes in
            do throws(JSONFault) { return try Self.read(bytes) } catch { return nil }
        }
        guard let answer else { return nil }
        (isReady, checks) = answer
    }

    private static func read(_ bytes: UnsafeRawBufferPointer) throws(JSONFault) -> (Bool, [Check])? {
        var scanner = try JSONScanner(bytes)
        var isReady: Bool?
        var checks: [Check] = []
        try scanner.beginObject()
        while let name = try scanner.nextMember() {
            if name == "ready", scanner.next == .bool {
                isReady = try scanner.bool()
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
        return isReady.map { ($0, checks) }
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
