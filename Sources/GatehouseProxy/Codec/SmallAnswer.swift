package import GatehouseCore

/// Renders Gatehouse's own answers: a refusal as a whole response.
package struct SmallAnswer: Sendable {
    /// Bytes that any answer fits in without ``challenge``, ``extra`` and a body of its own.
    package static let maximumLength = 768

    package var reason: Reason
    package var requestID: RequestID
    package var persistence: ResponseRewrite.Persistence
    /// Whether the request was HEAD: the body is left out, its length is told.
    package var isHEAD: Bool
    /// Seconds.
    package var retryAfter: Int?
    /// What a 401 adds to its challenge: more parameters, each after a comma.
    package var challenge: [UInt8]
    /// Lines that are added.
    package var extra: [UInt8]
    /// The status in place of the reason's.
    package var status: Int?
    /// JSON in place of what the reason says.
    package var body: [UInt8]?

    /// Bytes that this answer fits in.
    package var bound: Int { Self.maximumLength + challenge.count + extra.count + (body?.count ?? 0) }

    package init(
        _ reason: Reason,
        requestID: RequestID,
        persistence: ResponseRewrite.Persistence = .implied,
        isHEAD: Bool = false,
        retryAfter: Int? = nil,
        challenge: [UInt8] = [],
        extra: [UInt8] = [],
        status: Int? = nil,
        body: [UInt8]? = nil
    ) {
        self.reason = reason
        self.requestID = requestID
        self.persistence = persistence
        self.isHEAD = isHEAD
        self.retryAfter = retryAfter
        self.challenge = challenge
        self.extra = extra
        self.status = status
        self.body = body
    }

    /// Writes the response and returns its length in bytes.
    ///
    /// - Parameter output: at least ``bound`` bytes.
    package func write(into output: UnsafeMutableRawBufferPointer) -> Int {
        let answer = reason.answer
        let code = answer.code.rawValue
        let status = status ?? answer.status
        var writer = HeadWriter(output)
        writer.append("HTTP/1.1 ")
        writer.append(decimal: status)
        writer.append(0x20)
        writer.append(Self.phrase(status))
        writer.append("\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n")
        if status == 401 {
            writer.append("WWW-Authenticate: Bearer error=\"invalid_token\"")
            writer.append(challenge)
            writer.append("\r\n")
        }
        writer.append(extra)
        if let retryAfter {
            writer.append("Retry-After: ")
            writer.append(decimal: max(0, retryAfter))
            writer.append("\r\n")
        }
        switch persistence {
        case .implied: break
        case .close: writer.append("Connection: close\r\n")
        case .keepAlive: writer.append("Connection: keep-alive\r\n")
        }
        writer.append("X-Request-Id: ")
        writer.append(requestID)
        writer.append("\r\nContent-Length: ")
        if let body {
            writer.append(decimal: body.count)
            writer.append("\r\n\r\n")
            if !isHEAD { writer.append(body) }
            return writer.count
        }
        let quoted = Self.opening.utf8CodeUnitCount + Self.between.utf8CodeUnitCount + Self.closing.utf8CodeUnitCount
        writer.append(decimal: quoted + code.utf8.count + answer.message.utf8CodeUnitCount + 32 + 2)
        writer.append("\r\n\r\n")
        if isHEAD { return writer.count }
        writer.append(Self.opening)
        for byte in code.utf8 { writer.append(byte) }
        writer.append(Self.between)
        writer.append(answer.message)
        writer.append(Self.closing)
        writer.append(requestID)
        writer.append("\"}")
        return writer.count
    }

    // Codes, messages and ids hold nothing that JSON would escape; a test holds the table to it.
    private static let opening: StaticString = #"{"error":""#
    private static let between: StaticString = #"","message":""#
    private static let closing: StaticString = #"","request_id":""#

    private static func phrase(_ status: Int) -> StaticString {
        switch status {
        case 200: "OK"
        case 202: "Accepted"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case _: ""
        }
    }
}
