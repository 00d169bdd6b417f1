import NIOCore
import NIOEmbedded
import NIOHTTP1

/// llhttp, through NIOHTTP1's decoders, as a second opinion, driven so that what it sees of one message can be compared: what it refuses is refused
/// here too, what both take they read alike up to the same last byte, and where this codec still waits, llhttp has not seen an end either.
///
/// Deliberate differences, left out of the comparison:
/// - Methods: llhttp knows a list, here any token is a method; routing and policy decide what may be done with it.
/// - Whitespace after a value: NIOHTTP1 leaves some of it; it is taken off before values are compared.
/// - Reason phrases: NIOHTTP1 replaces those of statuses that it knows.
/// - Upgrades: llhttp stops at a request that asks for one, whatever its body; here a body is read as it is framed.
/// - Framing in trailers: llhttp refuses it; here it is left out, as all that means something to Gatehouse, so that it reaches nobody.
/// - Here alone is refused: what the corpus of ambiguous requests lists beyond llhttp's own checks (paths, hosts, second `Origin`).
enum HTTPOracle {
    static let methods: Set<String> = [
        "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "LINK", "UNLINK", "PURGE", "LOCK", "COPY",
        "MOVE", "BIND",
        "SEARCH", "MERGE", "ACL", "REPORT", "NOTIFY", "SUBSCRIBE", "UNLOCK", "MKCOL", "PROPFIND", "PROPPATCH", "REBIND",
        "UNBIND",
    ]

    /// - Parameter ending: where the other parser saw the message end. The decoder gets the bytes before the last one first: it must
    ///   not have seen the end then, and must see it with that byte.
    static func request(_ raw: [UInt8], ending: Int?) throws -> HTTPMessage {
        let channel = EmbeddedChannel(
            handler: ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes))
        )
        return feed(channel, raw, ending) { (part: HTTPServerRequestPart, message: inout HTTPMessage) in
            switch part {
            case .head(let head):
                message.start = "\(head.method.rawValue) \(head.uri) \(head.version.minor == 1 ? "http11" : "http10")"
                message.fields = head.headers.map { "\($0.name)=\(trimmed($0.value))" }
            case .body(let bytes): message.body += Array(bytes.readableBytesView)
            case .end: message.state = .complete
            }
        }
    }

    static func response(_ raw: [UInt8], ending: Int?) throws -> HTTPMessage {
        let channel = EmbeddedChannel(
            handler: ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes))
        )
        // The decoder wants to know which request is answered.
        try channel.writeOutbound(
            HTTPClientRequestPart.head(HTTPRequestHead(version: .http1_1, method: .GET, uri: "/"))
        )
        return feed(channel, raw, ending) { (part: HTTPClientResponsePart, message: inout HTTPMessage) in
            switch part {
            case .head(let head):
                message.start = "\(head.status.code) \(head.version.minor == 1 ? "http11" : "http10")"
                message.fields = head.headers.map { "\($0.name)=\(trimmed($0.value))" }
            case .body(let bytes): message.body += Array(bytes.readableBytesView)
            case .end: message.state = .complete
            }
        }
    }

    private static func trimmed(_ value: String) -> String {
        var bytes = Array(value.utf8)
        while bytes.last == 0x20 || bytes.last == 0x09 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func feed<Part>(
        _ channel: EmbeddedChannel,
        _ raw: [UInt8],
        _ ending: Int?,
        _ take: (Part, inout HTTPMessage) -> Void
    ) -> HTTPMessage {
        var message = HTTPMessage()
        let end = ending ?? raw.count
        for range in [0..<max(0, end - 1), max(0, end - 1)..<end] {
            do {
                try channel.writeInbound(ByteBuffer(bytes: raw[range]))
            } catch {
                message.state = .refused
            }
            while let part = try? channel.readInbound(as: Part.self) {
                // An end that came before the last byte is the finding; it stands out as an `end` that differs.
                take(part, &message)
                if message.state == .complete, message.end == nil { message.end = range.upperBound }
            }
            if message.state == .refused { break }
        }
        _ = try? channel.finish(acceptAlreadyClosed: true)
        return message
    }
}
