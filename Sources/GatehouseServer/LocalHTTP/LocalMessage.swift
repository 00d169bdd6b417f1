internal import GatehouseProxy
internal import NIOCore

/// A request to a ``LocalServer``, whole.
struct LocalRequest: Sendable {
    var method = ""
    /// Without the query.
    var path = ""
    /// The value of `Host`.
    var host: String?
    var fields: [(name: String, value: String)] = []
    var body: [UInt8] = []
}

/// What a ``LocalServer`` answers.
struct LocalAnswer: Sendable {
    /// A status code with the words that go with it.
    struct Status: Equatable, Sendable {
        let code: Int
        let phrase: String

        static let ok = Status(code: 200, phrase: "OK")
        static let accepted = Status(code: 202, phrase: "Accepted")
        static let badRequest = Status(code: 400, phrase: "Bad Request")
        static let forbidden = Status(code: 403, phrase: "Forbidden")
        static let notFound = Status(code: 404, phrase: "Not Found")
        static let methodNotAllowed = Status(code: 405, phrase: "Method Not Allowed")
        static let conflict = Status(code: 409, phrase: "Conflict")
        static let contentTooLarge = Status(code: 413, phrase: "Content Too Large")
        static let targetTooLong = Status(code: 414, phrase: "URI Too Long")
        static let misdirectedRequest = Status(code: 421, phrase: "Misdirected Request")
        static let unprocessableContent = Status(code: 422, phrase: "Unprocessable Content")
        static let fieldsTooLarge = Status(code: 431, phrase: "Request Header Fields Too Large")
        static let serviceUnavailable = Status(code: 503, phrase: "Service Unavailable")
    }

    /// Server-sent events instead of a body, one by one.
    struct Events: Sendable {
        enum Piece: Sendable {
            case more(String)
            case last(String)
        }

        /// From one event to the next.
        let interval: Duration
        /// The data of the next event, by its position. Called on the server's loop.
        let next: @Sendable (Int) -> Piece
        /// The stream is over: it ended, or its reader went.
        let ended: @Sendable () -> Void
    }

    var status = Status.ok
    var type = "text/plain; charset=utf-8"
    var body: String
    /// Beside those that every answer has.
    var fields: [(name: String, value: String)] = []
    var events: Events?

    /// The whole answer; of one with events the head alone.
    ///
    /// - Parameters:
    ///   - closes: whether the connection ends after it.
    ///   - withoutBody: for HEAD, whose answer says how long the body would be.
    func bytes(closes: Bool, version: HTTPVersion, withoutBody: Bool) -> ByteBuffer {
        var text = "HTTP/1.1 \(status.code) \(status.phrase)\r\nContent-Type: \(type)\r\n"
        if events == nil {
            text += "Content-Length: \(body.utf8.count)\r\n"
        } else {
            text += "Transfer-Encoding: chunked\r\n"
        }
        text += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
        for field in fields { text += "\(field.name): \(field.value)\r\n" }
        if closes {
            text += "Connection: close\r\n"
        } else if version == .http10 {
            text += "Connection: keep-alive\r\n"
        }
        text += "\r\n"
        var bytes = ByteBuffer()
        bytes.reserveCapacity(text.utf8.count + body.utf8.count)
        bytes.writeString(text)
        if events == nil, !withoutBody { bytes.writeString(body) }
        return bytes
    }
}
