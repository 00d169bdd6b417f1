internal import NIOCore
internal import SocketLoop

/// The buffer of the head that was written last, reused for the next head. Usually its socket has released it by then.
struct SpareBuffer {
    /// Bytes of the largest buffer that is kept for the next head; a larger one is freed.
    private static let bound = 32 << 10

    private var spare = ByteBuffer()

    /// An empty buffer to write a head into, to be given to ``keep(_:)`` once it is written.
    mutating func take(capacity: Int) -> ByteBuffer {
        var bytes = ByteBuffer()
        swap(&bytes, &spare)
        // Allocates new memory while the socket still holds the old one.
        bytes.clear(minimumCapacity: capacity)
        return bytes
    }

    /// Nothing is to be written into it from now on: that would copy it.
    mutating func keep(_ head: ByteBuffer) {
        if head.capacity <= Self.bound { spare = head }
    }

    /// Does the same for a head that holds a token, once it is needed no more.
    mutating func keepZeroed(_ head: ByteBuffer) {
        head.zero()
        keep(head)
    }
}
