internal import Glibc
internal import NIOCore

/// Bytes that wait to be taken by the kernel, in order.
struct OutgoingBytes {
    enum Sending {
        case sent(Int)
        case blocked
        case failed
    }

    /// In most cases the only one.
    private var first = ByteBuffer()
    private var rest: [ByteBuffer] = []
    /// Whether the last buffer is a copy, which nobody else holds.
    private var isLastOwn = false
    private(set) var count = 0

    /// Buffers that one system call takes.
    private static let vectorBound = 16
    /// Parts up to this size are copied together when they have to wait: each would keep a whole receive buffer otherwise.
    private static let copiedSize = 16 << 10

    /// - Parameter copies: whether it has to wait, so that a small part is better copied.
    mutating func append(_ bytes: ByteBuffer, copies: Bool) {
        count += bytes.readableBytes
        guard copies, bytes.readableBytes <= Self.copiedSize else {
            isLastOwn = false
            return put(bytes)
        }
        if isLastOwn, !rest.isEmpty {
            rest[rest.count - 1].writeImmutableBuffer(bytes)
        } else if isLastOwn, first.readableBytes > 0 {
            first.writeImmutableBuffer(bytes)
        } else {
            put(ByteBuffer(bytes: bytes.readableBytesView))
            isLastOwn = true
        }
    }

    private mutating func put(_ bytes: ByteBuffer) {
        if first.readableBytes == 0 { first = bytes } else { rest.append(bytes) }
    }

    /// What is left has to wait: small parts are copied, so that the memory they were received in serves others.
    mutating func keepOwn() {
        guard count > 0, count <= Self.copiedSize, !(isLastOwn && rest.isEmpty) else { return }
        var own = ByteBuffer()
        own.reserveCapacity(count)
        own.writeImmutableBuffer(first)
        for bytes in rest { own.writeImmutableBuffer(bytes) }
        first = own
        rest = []
        isLastOwn = true
    }

    /// Whether one sending cannot take all that waits, so that a part says nothing about the kernel's room.
    private(set) var isSentInParts = false

    mutating func send(over descriptor: CInt) -> Sending {
        let sent = rest.isEmpty ? sendFirst(descriptor) : sendVector(descriptor)
        guard sent >= 0 else {
            switch errno {
            case EAGAIN: return .blocked
            case EINTR: return .sent(0)
            case _: return .failed
            }
        }
        advance(by: sent)
        return .sent(sent)
    }

    private mutating func sendFirst(_ descriptor: CInt) -> Int {
        isSentInParts = false
        return first.withUnsafeReadableBytes {
            Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
    }

    private mutating func sendVector(_ descriptor: CInt) -> Int {
        isSentInParts = rest.count >= Self.vectorBound
        return withUnsafeTemporaryAllocation(of: iovec.self, capacity: Self.vectorBound) { vectors in
            var length = 0
            func add(_ bytes: ByteBuffer) {
                // The pointer outlives the closure because `self` holds the storage.
                bytes.withUnsafeReadableBytesWithStorageManagement { bytes, _ in
                    let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
                    vectors.initializeElement(at: length, to: iovec(iov_base: base, iov_len: bytes.count))
                }
                length += 1
            }
            add(first)
            for bytes in rest.prefix(Self.vectorBound - 1) { add(bytes) }
            var message = msghdr()
            message.msg_iov = vectors.baseAddress
            message.msg_iovlen = length
            return sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
        }
    }

    private mutating func advance(by sent: Int) {
        count -= sent
        var sent = sent
        var gone = 0
        while sent >= first.readableBytes {
            sent -= first.readableBytes
            guard gone < rest.count else {
                first = ByteBuffer()
                isLastOwn = false
                break
            }
            first = rest[gone]
            gone += 1
        }
        first.moveReaderIndex(forwardBy: sent)
        if gone > 0 { rest.removeFirst(gone) }
    }
}
