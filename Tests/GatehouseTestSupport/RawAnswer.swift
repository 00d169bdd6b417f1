/// A response as it came over the wire.
package struct RawAnswer: Sendable {
    package let status: Int
    /// With the line ends and the empty line.
    package let head: String
    /// With the chunked coding, if any.
    package let framed: [UInt8]
    /// Without it.
    package let body: [UInt8]

    package var text: String { String(decoding: body, as: UTF8.self) }

    /// The values of all fields of this name.
    package func values(_ name: String) -> [String] {
        head.split(separator: "\r\n").dropFirst().compactMap { line in
            guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == name.lowercased() else {
                return nil
            }
            return String(line[line.index(after: colon)...].drop { $0 == " " })
        }
    }

    package subscript(name: String) -> String? { values(name).first }
}

extension RawSocket {
    /// Reads one response, its body by `Content-Length`, chunked coding or the end of the connection.
    package func receiveAnswer(toHEAD: Bool = false) throws -> RawAnswer {
        let head = try receive(through: "\r\n\r\n")
        let status = Int(head.split(separator: " ").dropFirst().first?.prefix(3) ?? "") ?? 0
        let bare = RawAnswer(status: status, head: head, framed: [], body: [])
        if toHEAD || status < 200 || status == 204 || status == 304 { return bare }
        if let length = bare["Content-Length"].flatMap({ Int($0) }) {
            let body = try receive(count: length)
            return RawAnswer(status: status, head: head, framed: body, body: body)
        }
        guard bare["Transfer-Encoding"] == "chunked" else {
            let body = try receiveToEnd()
            return RawAnswer(status: status, head: head, framed: body, body: body)
        }
        let (framed, body) = try receiveChunked()
        return RawAnswer(status: status, head: head, framed: framed, body: body)
    }

    /// Reads one chunked body to its end, trailers with it.
    package func receiveChunked() throws -> (framed: [UInt8], body: [UInt8]) {
        var framed: [UInt8] = []
        var body: [UInt8] = []
        while true {
            let line = try receive(through: "\r\n")
            framed += Array(line.utf8)
            let size = Int(line.prefix { $0.isHexDigit }, radix: 16) ?? 0
            if size == 0 { break }
            let chunk = try receive(count: size + 2)
            framed += chunk
            body += chunk.dropLast(2)
        }
        while true {
            let line = try receive(through: "\r\n")
            framed += Array(line.utf8)
            if line == "\r\n" { return (framed, body) }
        }
    }
}
