internal import Glibc

/// Reads the records of one segment file, from any record on.
final class SegmentReader {
    enum Next {
        case record(SpoolRecord)
        /// There is no more before the bound.
        case end
        /// The bytes at ``SegmentReader/offset`` are no record.
        case damaged
    }

    /// How much is read at once.
    private static let chunk = 256 << 10

    let header: Segment.Header
    /// The offset behind the record that was read last.
    private(set) var offset: Int
    private let file: Descriptor
    /// The hash of the record that was read last, or before the first; empty when that is not chained.
    private(set) var previousHash: [UInt8]
    private let room: Room
    private var bufferStart = 0
    private var bufferCount = 0

    /// Begins at `offset`, a place behind a record whose hash is `hash`, or at the first record.
    ///
    /// - Throws: `.spoolDamaged` when the header is not one.
    init(opening path: String, from offset: Int = 0, after hash: [UInt8] = []) throws(AuditError) {
        let file = try Descriptor(opening: path, O_RDONLY)
        let room = Room(Self.chunk + Segment.frameLength + Segment.maximumPayload)
        let count = try file.read(UnsafeMutableRawBufferPointer(rebasing: room.bytes[0..<Segment.headerLength]), at: 0)
        guard let header = Segment.header(UnsafeRawBufferPointer(rebasing: room.bytes[0..<count])) else {
            throw AuditError(.spoolDamaged, "\(path) does not begin as a segment does")
        }
        self.file = file
        self.room = room
        self.header = header
        previousHash = offset > Segment.headerLength ? hash : header.previousHash
        self.offset = max(offset, Segment.headerLength)
    }

    private final class Room {
        let bytes: UnsafeMutableRawBufferPointer
        init(_ count: Int) { bytes = .allocate(byteCount: count, alignment: 8) }
        deinit { bytes.deallocate() }
    }

    private var buffer: UnsafeMutableRawBufferPointer { room.bytes }

    var length: Int { file.length }

    /// Reads one record. Nothing at or behind `end` is read.
    func next(before end: Int) throws(AuditError) -> Next {
        guard offset < end else { return .end }
        guard try fill(Segment.frameLength, before: end) else { return .damaged }
        let frame = buffer.baseAddress! + (offset - bufferStart)
        let length = Int(UInt32(littleEndian: frame.loadUnaligned(as: UInt32.self)))
        guard (Segment.envelopeLength...Segment.maximumPayload).contains(length),
            try fill(Segment.frameLength + length, before: end)
        else { return .damaged }
        let whole = buffer.baseAddress! + (offset - bufferStart)
        let crc = UInt32(littleEndian: (whole + 4).loadUnaligned(as: UInt32.self))
        let payload = UnsafeRawBufferPointer(start: whole + Segment.frameLength, count: length)
        guard crc == CRC32C.checksum(payload), let record = SpoolRecord(payload: payload, previousHash: previousHash)
        else {
            return .damaged
        }
        offset += Segment.frameLength + length
        previousHash = record.hash
        return .record(record)
    }

    /// Reads the next `count` bytes into the buffer unless they are there.
    ///
    /// - Returns: false when there are not so many before `end`.
    private func fill(_ count: Int, before end: Int) throws(AuditError) -> Bool {
        guard offset + count <= end else { return false }
        if offset >= bufferStart, offset + count <= bufferStart + bufferCount { return true }
        bufferStart = offset
        bufferCount = 0
        let wanted = min(buffer.count, end - offset)
        bufferCount = try file.read(UnsafeMutableRawBufferPointer(rebasing: buffer[0..<wanted]), at: offset)
        return bufferCount >= count
    }
}
