internal import GatehouseCore
internal import GatehouseProxy
internal import NIOCore

/// A request to a ``LocalServer``, whole.
package struct LocalRequest: Sendable {
    package var method: String
    /// The path without the query.
    package var path: String
    /// Without the `?`; nil where there is none.
    package var query: String?
    /// The value of `Host`.
    package var host: String?
    package var fields: [(name: String, value: String)] = []
    /// Zeroed once the request is answered: somebody may paste a token.
    var body: ByteBuffer

    init(method: String, path: String, body: String = "") {
        self.method = method
        self.path = path
        self.body = ByteBuffer(string: body)
    }

    package func withBody<Result>(_ read: (UnsafeRawBufferPointer) -> Result) -> Result {
        body.withUnsafeReadableBytes(read)
    }

    /// The value of the only field of that name; nil for one that is not there, or there more than once.
    package func field(_ name: StaticString) -> String? {
        let name = name.description.lowercasedASCII()
        let found = fields.filter { $0.name.lowercasedASCII() == name }
        return found.count == 1 ? found[0].value : nil
    }
}

/// An answer of a ``LocalServer``.
package struct LocalAnswer: Sendable {
    package struct Status: Equatable, Sendable {
        package let code: Int

        package static let ok = Status(code: 200)
        package static let accepted = Status(code: 202)
        package static let seeOther = Status(code: 303)
        package static let badRequest = Status(code: 400)
        package static let forbidden = Status(code: 403)
        package static let notFound = Status(code: 404)
        package static let methodNotAllowed = Status(code: 405)
        package static let conflict = Status(code: 409)
        package static let contentTooLarge = Status(code: 413)
        package static let targetTooLong = Status(code: 414)
        package static let misdirectedRequest = Status(code: 421)
        package static let unprocessableContent = Status(code: 422)
        package static let fieldsTooLarge = Status(code: 431)
        package static let badGateway = Status(code: 502)
        package static let serviceUnavailable = Status(code: 503)
    }

    /// Server-sent events instead of a body, one by one.
    package struct Events: Sendable {
        package enum Piece: Sendable {
            case more(String)
            case last(String)
        }

        /// Time between two events.
        package let interval: Duration
        /// The data of the next event, by its position. Called on the server's loop.
        package let next: @Sendable (Int) -> Piece
        /// The stream is over: it ended, or its reader went.
        package let ended: @Sendable () -> Void

        package init(
            interval: Duration,
            next: @escaping @Sendable (Int) -> Piece,
            ended: @escaping @Sendable () -> Void
        ) {
            self.interval = interval
            self.next = next
            self.ended = ended
        }
    }

    package var status: Status
    package var type: String
    package var body: String
    /// Beside those that every answer has.
    package var fields: [(name: String, value: String)]
    package var events: Events?

    package init(
        status: Status = .ok,
        type: String = "text/plain; charset=utf-8",
        body: String,
        fields: [(name: String, value: String)] = [],
        events: Events? = nil
    ) {
        self.status = status
        self.type = type
        self.body = body
        self.fields = fields
        self.events = events
    }

    /// The whole answer; of one with events the head alone.
    ///
    /// - Parameters:
    ///   - closes: whether the connection ends after it.
    ///   - withoutBody: for HEAD, whose answer says how long the body would be.
    func bytes(closes: Bool, version: HTTPVersion, withoutBody: Bool) -> ByteBuffer {
        var text = "HTTP/1.1 \(status.code) \(StatusPhrase.of(status.code))\r\nContent-Type: \(type)\r\n"
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
