internal import GatehouseCore
internal import GatehouseMCP
internal import NIOCore

/// A request's body as the gate has read it. Places are offsets into the payload.
///
/// A class, because each reader would otherwise copy all of it.
final class ReceivedCall {
    let body: RPCBody
    /// The position of the payload in the bytes that start with the head.
    let place: Range<Int>
    /// The payload without its chunked coding, when it is not contiguous there.
    let payload: ByteBuffer?

    init(body: RPCBody, place: Range<Int>, payload: ByteBuffer?) {
        self.body = body
        self.place = place
        self.payload = payload
    }
}

/// The ids of the requests in a body, as they were written, kept for an answer of Gatehouse's own.
enum WaitingIDs {
    case none
    case one(ShortBytes)
    case batch([[UInt8]])

    init(_ body: RPCBody, _ bytes: UnsafeRawBufferPointer) {
        func id(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[range]) }
        switch body {
        case .single(let message):
            if message.kind == .request, let range = message.id {
                self = .one(ShortBytes(id(range)))
            } else {
                self = .none
            }
        case .batch(let messages):
            let ids = messages.compactMap { message in
                message.kind == .request ? message.id.map { Array(id($0)) } : nil
            }
            self = ids.isEmpty ? .none : .batch(ids)
        }
    }

    var isEmpty: Bool {
        if case .none = self { true } else { false }
    }

    var isBatch: Bool {
        if case .batch = self { true } else { false }
    }

    var all: [[UInt8]] {
        switch self {
        case .none: []
        case .one(let id): [id.bytes]
        case .batch(let ids): ids
        }
    }
}

/// Bytes that are few in most cases, and then kept in place.
struct ShortBytes {
    private static let capacity = 40

    private var short: (UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0)
    private var count = 0
    private var long: [UInt8] = []

    init(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count <= Self.capacity else {
            long = Array(bytes)
            return
        }
        count = bytes.count
        withUnsafeMutableBytes(of: &short) { $0.copyMemory(from: bytes) }
    }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        guard long.isEmpty else { return long.withUnsafeBytes(body) }
        return withUnsafeBytes(of: short) { body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }

    var bytes: [UInt8] {
        long.isEmpty ? withUnsafeBytes(of: short) { Array($0.prefix(count)) } : long
    }
}
