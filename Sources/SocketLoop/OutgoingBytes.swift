internal import Glibc
internal import NIOCore

/// Bytes that wait to be taken by the kernel, in order. Copies that are made here are zeroed when they have left or are given up: a token may stand
/// in them.
struct OutgoingBytes {
    private struct Part {
        var bytes = ByteBuffer()
        /// Whether the buffer is a copy, which has no other holder.
        var isOwn = false

        func leave() { if isOwn { bytes.zero() } }
    }

    enum Sending {
        case sent(Int)
        case blocked
        case failed
    }

    /// The first part, in most cases the only one.
    private var first = Part()
    private var rest: [Part] = []
    private(set) var count = 0

    /// Buffers that one system call takes.
    private static let vectorBound = 16
    /// Parts up to this size are copied together when they have to wait: each would keep a whole receive buffer otherwise.
    private static let copiedSize = 16 << 10

    /// - Parameter copies: whether it has to wait, so that a small part is better copied.
    mutating func append(_ bytes: ByteBuffer, copies: Bool) {
        count += bytes.readableBytes
        guard copies, bytes.readableBytes <= Self.copiedSize else { return put(Part(bytes: bytes)) }
        if let last = rest.indices.last {
            if rest[last].isOwn { return rest[last].bytes.appendZeroing(bytes) }
        } else if first.isOwn, first.bytes.readableBytes > 0 {
            return first.bytes.appendZeroing(bytes)
        }
        put(Part(bytes: ByteBuffer(bytes: bytes.readableBytesView), isOwn: true))
    }

    private mutating func put(_ part: Part) {
        if first.bytes.readableBytes == 0 { first = part } else { rest.append(part) }
    }

    /// The rest has to wait: small parts are copied, so that the memory they were received in serves others.
    mutating func keepOwn() {
        guard count > 0, count <= Self.copiedSize, !(first.isOwn && rest.isEmpty) else { return }
        var own = ByteBuffer()
        own.reserveCapacity(count)
        own.writeImmutableBuffer(first.bytes)
        first.leave()
        for part in rest {
            own.writeImmutableBuffer(part.bytes)
            part.leave()
        }
        first = Part(bytes: own, isOwn: true)
        rest = []
    }

    /// Nothing of it is sent any more.
    mutating func giveUp() {
        first.leave()
        for part in rest { part.leave() }
        self = OutgoingBytes()
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
        return first.bytes.withUnsafeReadableBytes {
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
            add(first.bytes)
            for part in rest.prefix(Self.vectorBound - 1) { add(part.bytes) }
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
        while sent >= first.bytes.readableBytes {
            sent -= first.bytes.readableBytes
            first.leave()
            guard gone < rest.count else {
                first = Part()
                break
            }
            first = rest[gone]
            gone += 1
        }
        first.bytes.moveReaderIndex(forwardBy: sent)
        if gone > 0 { rest.removeFirst(gone) }
    }
}
