internal import GatehouseCore
internal import Glibc

/// The next records of a segment, made of events one behind the other: numbered, chained and framed. Used by one thread at a time.
///
/// An event costs its hash, its sum and a copy; nothing is allocated.
final class SpoolBatch {
    /// Bytes of the records at most, but for one record that is longer alone.
    private let limit: Int
    private let key: ChainKey?
    /// Holds the hash of ``tip`` while that is chained.
    private let front: ChainFront
    private let room: UnsafeMutableRawPointer
    private var count = 0
    private var sequence: Int64
    private var isChained: Bool
    /// Bytes of events without an established caller.
    private(set) var nobodysBytes = 0
    /// The time of the first event in the batch.
    private(set) var firstTime = 0

    init(of writer: String, key: ChainKey?, behind tip: ChainTip, limit: Int) {
        self.limit = limit
        self.key = key
        front = ChainFront(of: writer)
        room = .allocate(byteCount: max(limit, Segment.frameLength + Segment.maximumPayload), alignment: 8)
        sequence = tip.sequence
        isChained = !tip.hash.isEmpty
        front.setHash(tip.hash)
    }

    deinit { room.deallocate() }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: room, count: count) }

    /// The newest event that was numbered.
    var tip: ChainTip { ChainTip(sequence: sequence, hash: isChained ? Array(front.hash) : []) }

    /// Forgets the records, which are in a segment now.
    func removeAll() {
        count = 0
        nobodysBytes = 0
    }

    /// Forgets the records as if they had never been made.
    func removeAll(behind tip: ChainTip) {
        removeAll()
        sequence = tip.sequence
        isChained = !tip.hash.isEmpty
        front.setHash(tip.hash)
    }

    /// Appends the record of an event in canonical form, of ``EventEncoder/maximumLength`` bytes at most.
    ///
    /// - Returns: false when the batch is full.
    func append(_ event: UnsafeRawBufferPointer) -> Bool {
        let form: SpoolRecord.Form = key == nil ? .plain : isChained ? .chained : .start
        let length = form.payloadLength(ofEvent: event.count)
        guard count == 0 || count &+ Segment.frameLength &+ length <= limit else { return false }
        if count == 0 { firstTime = Int(EventDecoder.head(event)?.at.microseconds ?? 0) }
        if EventDecoder.isOfNobody(event) { nobodysBytes &+= event.count }
        sequence &+= 1
        let frame = room + count
        let payload = frame + Segment.frameLength
        payload.storeBytes(of: form.rawValue, as: UInt8.self)
        (payload + 1).storeBytes(of: UInt64(bitPattern: sequence).littleEndian, as: UInt64.self)
        var place = payload + Segment.envelopeLength
        if let key {
            if !isChained {
                front.setHash([])
                place = chain(.start, with: key, UnsafeRawBufferPointer(start: nil, count: 0), at: place)
            }
            place = chain(.event, with: key, event, at: place)
        }
        isChained = key != nil
        if let start = event.baseAddress { memcpy(place, start, event.count) }
        let sum = CRC32C.checksum(UnsafeRawBufferPointer(start: payload, count: length))
        frame.storeBytes(of: UInt32(truncatingIfNeeded: length).littleEndian, as: UInt32.self)
        (frame + 4).storeBytes(of: sum.littleEndian, as: UInt32.self)
        count &+= Segment.frameLength &+ length
        return true
    }

    /// Writes the hash that goes on from the one in front, and puts it there.
    ///
    /// - Returns: the place behind it.
    @inline(__always)
    private func chain(
        _ purpose: ChainKey.Purpose,
        with key: ChainKey,
        _ event: UnsafeRawBufferPointer,
        at place: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        front.begin(purpose, sequence)
        key.code(front, event, to: place)
        front.hash.copyMemory(from: UnsafeRawBufferPointer(start: place, count: Segment.hashLength))
        return place + Segment.hashLength
    }
}
