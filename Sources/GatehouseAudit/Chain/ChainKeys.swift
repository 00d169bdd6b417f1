internal import Crypto
package import GatehouseCore

/// The keys that chain events: the first one makes hashes, all of them check.
///
/// A hash goes on from the one before it whichever key made that, so a chain crosses a change of keys without a seam.
package struct ChainKeys: Sendable {
    let current: ChainKey
    let all: [ChainKey]

    package init(_ keys: PurposeKeys) {
        all = keys.all.map { ChainKey($0) }
        current = all[0]
    }
}

/// One key of HMAC-SHA256, set up once: an event costs a copy of that state, not the schedule of the key.
struct ChainKey: Sendable {
    /// What a code stands for. In front of every message, so that no code is ever taken for another kind's.
    enum Purpose: UInt8 {
        /// An event, after the one before it.
        case event = 0x45
        /// The place of the hash before the first event of a chain: nobody without a key can begin one.
        case start = 0x53
        case head = 0x48
        case checkpoint = 0x43
    }

    static let codeLength = 32
    private let keyed: HMAC<SHA256>

    init(_ secret: Secret) {
        keyed = HMAC(key: secret.withUnsafeBytes { SymmetricKey(data: $0) })
    }

    /// The code over `purpose · sequence · hash · length of the writer's name · the name · rest`.
    func code(
        _ purpose: Purpose,
        of writer: String,
        sequence: Int64,
        hash: [UInt8],
        rest: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
    ) -> [UInt8] {
        var mac = keyed
        withUnsafeTemporaryAllocation(byteCount: 42 + Segment.writerLimit, alignment: 8) { front in
            front[0] = purpose.rawValue
            front.storeBytes(of: UInt64(bitPattern: sequence).littleEndian, toByteOffset: 1, as: UInt64.self)
            for index in 0..<Self.codeLength { front[9 + index] = index < hash.count ? hash[index] : 0 }
            var length = 42
            for byte in writer.utf8.prefix(Segment.writerLimit) {
                front[length] = byte
                length += 1
            }
            front[41] = UInt8(truncatingIfNeeded: length - 42)
            mac.update(data: UnsafeRawBufferPointer(rebasing: front[..<length]))
        }
        mac.update(data: rest)
        return mac.finalize().withUnsafeBytes { Array($0) }
    }
}

/// The end of a chain: the newest event and its hash.
struct ChainTip: Hashable, Sendable {
    /// 0 before the first event.
    var sequence: Int64
    /// Empty while nothing is chained.
    var hash: [UInt8]
}
