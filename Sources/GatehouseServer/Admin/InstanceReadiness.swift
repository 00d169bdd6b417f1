internal import CurlClient
package import GatehouseCore

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

    /// Asks the instance whose admin listener stands at the address.
    ///
    /// - Throws: ``GatehouseError`` when nobody answers there in ``timeout``, or not as Gatehouse does.
    package static func ask(_ address: ListenAddress) async throws -> InstanceReadiness {
        var request: CurlRequest
        switch address {
        case .tcp(let host, let port):
            // A listener on every address is reached on this machine's own.
            let host = host == "0.0.0.0" ? "127.0.0.1" : host == "::" ? "::1" : host
            request = CurlRequest("http://\(ListenAddress.tcp(host: host, port: port))/readyz")
        case .unix(let path):
            request = CurlRequest("http://localhost/readyz")
            request.unixSocket = path
        }
        request.timeout = timeout
        request.connectTimeout = timeout
        request.maximumBody = maximumBytes
        let response: CurlResponse
        do throws(CurlError) {
            response = try await CurlClient().perform(request)
        } catch {
            throw GatehouseError(
                .unusable,
                "no instance answers on \(address)",
                hint: "gatehouse serve starts one; `admin` in the configuration says where it is asked",
                // Of a socket libcurl says only that the host, which is none, does not answer.
                underlying: request.unixSocket == nil ? error : nil
            )
        }
        guard response.status == 200 || response.status == 503, let answer = InstanceReadiness(response.body.bytes)
        else {
            throw GatehouseError(.unusable, "what answers on \(address) is not Gatehouse: status \(response.status)")
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
