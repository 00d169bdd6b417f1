internal import GatehouseCore
internal import Glibc

/// The keys that authenticate the frames in rings: the first one makes sums, all of them check.
///
/// Keys that have ended are not among them. A frame that is recovered from a ring is chained under the current key, so a holder of an ended key could
/// choose the time of what it vouches for.
struct RingKeys: Sendable {
    private let keys: [KeyedHash]

    init(_ keys: PurposeKeys) { self.keys = keys.all.map { KeyedHash($0) } }

    /// The keys of an audit without keys, which chains nothing: a key that everybody knows, so that a sum only detects damage.
    static let known = RingKeys(PurposeKeys(current: Secret([])))

    /// The ring that a derived key belongs to, so that no frame is accepted in another lane, under another writer or in another process's ring.
    struct Place {
        let writer: String
        let lane: Int
        /// Drawn for each ring; it stands in the file's header.
        let mark: SipHash.Key

        fileprivate var bytes: [UInt8] {
            [UInt64(lane), mark.low, mark.high].flatMap { word in withUnsafeBytes(of: word.littleEndian) { Array($0) } }
                + Array(writer.utf8)
        }
    }

    func current(_ place: Place) -> SipHash.Key { Self.key(keys[0], place) }

    func all(_ place: Place) -> [SipHash.Key] { keys.map { Self.key($0, place) } }

    private static func key(_ keyed: KeyedHash, _ place: Place) -> SipHash.Key {
        withUnsafeTemporaryAllocation(byteCount: KeyedHash.length, alignment: 8) { code in
            guard let start = code.baseAddress else { return (0, 0) }
            defer { explicit_bzero(start, code.count) }
            place.bytes.withUnsafeBytes { keyed.code(over: $0, to: start) }
            return (
                UInt64(littleEndian: start.load(as: UInt64.self)),
                UInt64(littleEndian: start.load(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }
}
