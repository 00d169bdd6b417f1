internal import CurlClient
internal import GatehouseCore

/// The message that answers a request, out of an HTTP response: a JSON body, or an event stream that carries it among others.
struct MCPAnswer: Sendable {
    /// Nil where there is an error.
    let result: JSONValue?
    /// The error of JSON-RPC.
    let error: JSONValue?
    /// The whole message as it came.
    let message: [UInt8]

    var errorCode: Int? { error?["code"]?.integer }
    var errorMessage: String { error?["message"]?.text ?? "an error without a message" }

    /// Nil when the response has no such message.
    init?(to id: Int, in response: CurlResponse) {
        let type = response.header("content-type")?.lowercased() ?? ""
        let body = response.body.bytes
        if type.hasPrefix("text/event-stream") {
            guard let answer = Self.find(id, in: body) else { return nil }
            self = answer
        } else {
            guard let message = JSONValue(parsing: body), let answer = MCPAnswer(to: id, message, body) else {
                return nil
            }
            self = answer
        }
    }

    /// Whether an event stream has brought the answer: nothing that follows is waited for.
    static func hasCome(to id: Int, in body: UnsafeRawBufferPointer) -> Bool { find(id, in: Array(body)) != nil }

    private init?(to id: Int, _ message: JSONValue, _ bytes: [UInt8]) {
        self.message = bytes
        result = message["result"]
        // Another `error` than JSON-RPC's is another protocol's, such as a refusal before any server was asked.
        error = message["error"].flatMap { $0["code"]?.integer == nil ? nil : $0 }
        guard result != nil || error != nil else { return nil }
        // An error that could not read the request says null.
        guard message["id"]?.integer == id || error != nil && (message["id"] ?? .null) == .null else { return nil }
    }

    static func find(_ id: Int, in stream: [UInt8]) -> MCPAnswer? {
        for data in events(stream) {
            if let message = JSONValue(parsing: data), let answer = MCPAnswer(to: id, message, data) { return answer }
        }
        return nil
    }

    /// The data of each whole event (HTML, section 9.2.6): lines end with CR, LF or both, an empty one ends an event.
    static func events(_ stream: [UInt8]) -> [[UInt8]] {
        var events: [[UInt8]] = []
        var data: [UInt8]?
        var line: [UInt8] = []
        var isAfterReturn = false
        for byte in stream {
            defer { isAfterReturn = byte == 0x0D }
            if byte == 0x0A, isAfterReturn { continue }
            guard byte == 0x0A || byte == 0x0D else {
                line.append(byte)
                continue
            }
            if line.isEmpty {
                if let data { events.append(data) }
                data = nil
            } else if line.starts(with: "data:".utf8) {
                let value = line.dropFirst(5)
                data = (data.map { $0 + [0x0A] } ?? []) + (value.first == 0x20 ? value.dropFirst() : value)
            }
            line = []
        }
        return events
    }
}
