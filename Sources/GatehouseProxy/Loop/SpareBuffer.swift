internal import NIOCore
internal import SocketLoop

/// Memory of the head that was written last: serves the next one when its socket has let go of it, which it mostly has.
struct SpareBuffer {
    /// Bytes that are kept for the next head; what is larger is let go.
    private static let bound = 32 << 10

    private var spare = ByteBuffer()

    /// An empty buffer to write a head into, to be given to ``keep(_:)`` once it is written.
    mutating func take(capacity: Int) -> ByteBuffer {
        var bytes = ByteBuffer()
        swap(&bytes, &spare)
        // Has memory of its own when somebody else still holds the old.
        bytes.clear(minimumCapacity: capacity)
        return bytes
    }

    /// Nothing is to be written into it from now on: that would copy it.
    mutating func keep(_ head: ByteBuffer) {
        if head.capacity <= Self.bound { spare = head }
    }

    /// The same for a head in which a token stands, once nobody needs it any more.
    mutating func keepZeroed(_ head: ByteBuffer) {
        head.zero()
        keep(head)
    }
}
