internal import GatehouseCore
internal import NIOCore
internal import SocketLoop

/// The first bytes of a request as they are sent: its head with the bytes written together with it, and those too long for that.
struct OpeningBytes {
    var head: ByteBuffer
    private(set) var body = ByteBuffer()
    /// The start of the injected lines in `head`.
    var injectedAt = 0
    /// Bytes that `head` may have, those written together with it included.
    private let bound: Int

    init(head: ByteBuffer, bound: Int) {
        self.head = head
        self.bound = bound
    }

    mutating func put(_ part: ByteBuffer) {
        var part = part
        if body.readableBytes > 0 {
            body.writeBuffer(&part)
        } else if head.readableBytes + part.readableBytes <= bound {
            head.writeBuffer(&part)
        } else {
            body = part
        }
    }

    /// Replaces the injected lines. The bytes with the old ones are zeroed.
    ///
    /// - Precondition: the head was written with `old`, and the kernel has taken it.
    mutating func inject(_ new: Secret, inPlaceOf old: Secret) {
        let behind = injectedAt + old.count
        var fresh = ByteBuffer()
        fresh.reserveCapacity(head.readableBytes - old.count + new.count)
        head.withUnsafeReadableBytes { bytes in
            fresh.writeBytes(bytes[..<injectedAt])
            new.withUnsafeBytes { _ = fresh.writeBytes($0) }
            fresh.writeBytes(bytes[behind...])
        }
        head.zero()
        head = fresh
    }
}
