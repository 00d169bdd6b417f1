internal import NIOCore

/// Chunks of Gatehouse's own (RFC 9112 section 7.1).
enum Chunk {
    static var last: ByteBuffer { ByteBuffer(staticString: "0\r\n\r\n") }

    static let lineEnd = ByteBuffer(staticString: "\r\n")

    /// The line before a payload of its own buffer.
    static func size(_ count: Int) -> ByteBuffer {
        var bytes = ByteBuffer()
        bytes.writeString(String(count, radix: 16))
        bytes.writeStaticString("\r\n")
        return bytes
    }

    /// Nothing for no payload, which would be the last chunk.
    static func of(_ payload: ByteBuffer) -> ByteBuffer {
        guard payload.readableBytes > 0 else { return payload }
        var bytes = ByteBuffer()
        bytes.reserveCapacity(payload.readableBytes + 20)
        bytes.writeString(String(payload.readableBytes, radix: 16))
        bytes.writeStaticString("\r\n")
        bytes.writeImmutableBuffer(payload)
        bytes.writeStaticString("\r\n")
        return bytes
    }
}
