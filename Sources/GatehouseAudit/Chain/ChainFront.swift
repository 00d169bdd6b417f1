/// The bytes in front of every message that a ``ChainKey`` signs:
///
///     purpose 1 · sequence 8 · hash 32 · length of the writer's name 1 · the name
///
/// Made once for a writer; only the parts that change are written again. Used by one thread at a time.
final class ChainFront {
    /// Bytes of a writer's name.
    static let writerLimit = 64
    private static let sequenceOffset = 1
    private static let hashOffset = 9
    private static let nameOffset = 42

    private let room: UnsafeMutableRawBufferPointer
    private let length: Int

    init(of writer: String) {
        room = .allocate(byteCount: Self.nameOffset + Self.writerLimit, alignment: 8)
        room.initializeMemory(as: UInt8.self, repeating: 0)
        let name = writer.utf8.prefix(Self.writerLimit)
        room[Self.nameOffset - 1] = UInt8(name.count)
        for (index, byte) in name.enumerated() { room[Self.nameOffset + index] = byte }
        length = Self.nameOffset + name.count
    }

    deinit { room.deallocate() }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: room[..<length]) }

    func begin(_ purpose: ChainKey.Purpose, _ sequence: Int64) {
        room[0] = purpose.rawValue
        room.storeBytes(
            of: UInt64(bitPattern: sequence).littleEndian,
            toByteOffset: Self.sequenceOffset,
            as: UInt64.self
        )
    }

    /// The hash in it, of ``KeyedHash/length`` bytes.
    var hash: UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: room[Self.hashOffset..<Self.hashOffset + KeyedHash.length])
    }

    /// - Parameter bytes: empty for none, which is written as zeroes.
    func setHash(_ bytes: [UInt8]) {
        for index in 0..<KeyedHash.length { hash[index] = index < bytes.count ? bytes[index] : 0 }
    }
}
