package import GatehouseCore

/// A whole response of Gatehouse's own: a refusal, or a public document.
package struct LocalResponse: Equatable, Sendable {
    package enum Content: Equatable, Sendable {
        /// No content, and no field that would speak of one.
        case none
        /// The public code and message of a reason, with the id of the request.
        case refusal(Reason)
        /// JSON for this one caller.
        case answer([UInt8])
        /// JSON that a cache may keep (RFC 9111 section 5.2.2.1).
        case document([UInt8])
    }

    package var status: Int
    package var content: Content
    /// Further header lines, each with its CRLF.
    package var lines: [UInt8] = []
    /// The addition of a 401 to its challenge: more parameters, each after a comma.
    package var challenge: [UInt8] = []
    /// Seconds.
    package var retryAfter: Int?

    /// Bytes that every response fits in, but for ``lines``, ``challenge`` and JSON.
    package static let maximumLength = 768

    /// A refusal in the words and with the status of its reason.
    package init(_ reason: Reason) {
        status = reason.status
        content = .refusal(reason)
    }

    package init(status: Int, content: Content, lines: [UInt8] = []) {
        self.status = status
        self.content = content
        self.lines = lines
    }

    /// The answer to a preflight (Fetch standard, CORS-preflight fetch).
    static func preflight(_ lines: [UInt8]) -> LocalResponse {
        LocalResponse(status: 204, content: .none, lines: lines)
    }

    static func document(_ json: [UInt8], lines: [UInt8]) -> LocalResponse {
        LocalResponse(status: 200, content: .document(json), lines: lines)
    }

    /// Bytes to reserve for ``write(requestID:persistence:isHEAD:into:)``.
    package var bound: Int {
        let json =
            switch content {
            case .none, .refusal: 0
            case .answer(let json), .document(let json): json.count
            }
        return Self.maximumLength + lines.count + challenge.count + json
    }

    /// Writes the response and returns its length in bytes.
    ///
    /// - Parameters:
    ///   - isHEAD: whether the request was HEAD: the content is left out, and `Content-Length` stays.
    ///   - output: at least ``bound`` bytes.
    package func write(
        requestID: RequestID,
        persistence: ResponseRewrite.Persistence = .implied,
        isHEAD: Bool = false,
        into output: UnsafeMutableRawBufferPointer
    ) -> Int {
        var writer = HeadWriter(output)
        writer.append("HTTP/1.1 ")
        writer.append(decimal: status)
        writer.append(0x20)
        writer.append(StatusPhrase.of(status))
        writer.append("\r\n")
        switch content {
        case .none: break
        case .refusal, .answer: writer.append("Content-Type: application/json\r\nCache-Control: no-store\r\n")
        case .document: writer.append("Content-Type: application/json\r\nCache-Control: max-age=300\r\n")
        }
        if status == 401 {
            writer.append("WWW-Authenticate: Bearer error=\"invalid_token\"")
            writer.append(challenge)
            writer.append("\r\n")
        }
        writer.append(lines)
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
        writer.append("\r\n")
        writeContent(requestID, isHEAD: isHEAD, &writer)
        return writer.count
    }

    private func writeContent(_ requestID: RequestID, isHEAD: Bool, _ writer: inout HeadWriter) {
        switch content {
        case .none: writer.append("\r\n")
        case .answer(let json), .document(let json):
            writer.append("Content-Length: ")
            writer.append(decimal: json.count)
            writer.append("\r\n\r\n")
            if !isHEAD { writer.append(json) }
        case .refusal(let reason):
            let answer = reason.answer
            let code = answer.code.rawValue
            writer.append("Content-Length: ")
            writer.append(decimal: Self.quoted + code.utf8.count + answer.message.utf8CodeUnitCount + 32 + 2)
            writer.append("\r\n\r\n")
            if isHEAD { return }
            writer.append(Self.opening)
            for byte in code.utf8 { writer.append(byte) }
            writer.append(Self.between)
            writer.append(answer.message)
            writer.append(Self.closing)
            writer.append(requestID)
            writer.append("\"}")
        }
    }

    // Codes, messages and ids hold nothing that JSON would escape; a test holds the table to it.
    private static let opening: StaticString = #"{"error":""#
    private static let between: StaticString = #"","message":""#
    private static let closing: StaticString = #"","request_id":""#
    private static var quoted: Int { opening.utf8CodeUnitCount + between.utf8CodeUnitCount + closing.utf8CodeUnitCount }
}
