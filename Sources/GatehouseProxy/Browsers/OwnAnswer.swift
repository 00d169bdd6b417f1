internal import GatehouseCore

/// An answer that Gatehouse gives itself and that is no refusal: to a preflight, or the route's resource metadata.
struct OwnAnswer: Sendable {
    let status: Int
    /// Whole lines.
    let lines: [UInt8]
    /// JSON; empty for a 204.
    let body: [UInt8]

    static func preflight(_ lines: [UInt8]) -> OwnAnswer { OwnAnswer(status: 204, lines: lines, body: []) }

    static func document(_ body: [UInt8], lines: [UInt8]) -> OwnAnswer {
        OwnAnswer(status: 200, lines: lines, body: body)
    }

    /// Bytes to reserve for ``write(requestID:persistence:isHEAD:into:)``.
    var bound: Int { 256 + lines.count + body.count }

    /// Writes the response and returns its length in bytes.
    ///
    /// - Parameter output: at least ``bound`` bytes.
    func write(
        requestID: RequestID,
        persistence: ResponseRewrite.Persistence,
        isHEAD: Bool,
        into output: UnsafeMutableRawBufferPointer
    ) -> Int {
        var writer = HeadWriter(output)
        writer.append(status == 204 ? "HTTP/1.1 204 No Content\r\n" : "HTTP/1.1 200 OK\r\n")
        writer.append(lines)
        switch persistence {
        case .implied: break
        case .close: writer.append("Connection: close\r\n")
        case .keepAlive: writer.append("Connection: keep-alive\r\n")
        }
        writer.append("X-Request-Id: ")
        writer.append(requestID)
        if status != 204 {
            writer.append("\r\nContent-Type: application/json\r\nCache-Control: max-age=300\r\nContent-Length: ")
            writer.append(decimal: body.count)
        }
        writer.append("\r\n\r\n")
        if !isHEAD { writer.append(body) }
        return writer.count
    }
}
