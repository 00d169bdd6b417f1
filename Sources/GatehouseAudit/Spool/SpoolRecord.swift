/// One event as it stands in a segment.
package struct SpoolRecord: Hashable, Sendable {
    package let sequence: Int64
    /// Empty for an event that is not chained; so is ``previousHash``.
    package let hash: [UInt8]
    package let previousHash: [UInt8]
    /// The event in canonical form.
    package let event: [UInt8]

    /// The first byte of a payload.
    private enum Form: UInt8 {
        case plain = 1
        case chained = 2
        /// The first of a chain, which has no record before it to take `prev_hash` from.
        case start = 3

        var hashes: Int {
            switch self {
            case .plain: 0
            case .chained: 1
            case .start: 2
            }
        }
    }

    init(sequence: Int64, hash: [UInt8], previousHash: [UInt8], event: [UInt8]) {
        self.sequence = sequence
        self.hash = hash
        self.previousHash = previousHash
        self.event = event
    }

    /// Reads the payload of a record.
    init?(payload: UnsafeRawBufferPointer, previousHash: [UInt8]) {
        guard payload.count >= Segment.envelopeLength, let form = Form(rawValue: payload[0]) else { return nil }
        let hashStart = Segment.envelopeLength + (form == .start ? Segment.hashLength : 0)
        let eventStart = Segment.envelopeLength + form.hashes * Segment.hashLength
        guard payload.count >= eventStart else { return nil }
        let bytes = UnsafeRawBufferPointer(rebasing: payload[eventStart...])
        guard EventDecoder.head(bytes) != nil, EventDecoder.fields(bytes, { _, _ in }) else { return nil }
        sequence = Int64(bitPattern: UInt64(littleEndian: payload.loadUnaligned(fromByteOffset: 1, as: UInt64.self)))
        hash = Array(payload[hashStart..<eventStart])
        self.previousHash =
            switch form {
            case .plain: []
            case .chained: previousHash
            case .start: Array(payload[Segment.envelopeLength..<hashStart])
            }
        event = Array(bytes)
    }

    /// Appends the frame of a record.
    ///
    /// - Parameters:
    ///   - hash: empty for an event that is not chained.
    ///   - start: the hash before the first event of a chain; empty for every other.
    static func append(
        _ event: UnsafeRawBufferPointer,
        sequence: Int64,
        hash: [UInt8] = [],
        start previousHash: [UInt8] = [],
        to batch: inout [UInt8]
    ) {
        let form: Form = hash.isEmpty ? .plain : previousHash.isEmpty ? .chained : .start
        let envelope = Segment.envelopeLength + form.hashes * Segment.hashLength
        let payloadLength = envelope + event.count
        let start = batch.count
        batch.append(contentsOf: repeatElement(0, count: Segment.frameLength + Segment.envelopeLength))
        batch.append(contentsOf: previousHash)
        batch.append(contentsOf: hash)
        batch.append(contentsOf: event)
        batch.withUnsafeMutableBytes { bytes in
            let frame = UnsafeMutableRawBufferPointer(rebasing: bytes[start...])
            frame[Segment.frameLength] = form.rawValue
            frame.storeBytes(
                of: UInt64(bitPattern: sequence).littleEndian,
                toByteOffset: Segment.frameLength + 1,
                as: UInt64.self
            )
            let payload = UnsafeRawBufferPointer(
                rebasing: frame[Segment.frameLength..<Segment.frameLength + payloadLength]
            )
            frame.storeBytes(of: UInt32(truncatingIfNeeded: payloadLength).littleEndian, as: UInt32.self)
            frame.storeBytes(of: CRC32C.checksum(payload).littleEndian, toByteOffset: 4, as: UInt32.self)
        }
    }

    /// The event with its place in the sequence.
    ///
    /// - Returns: nil when the event is not in canonical form.
    package func decoded(writer: String) -> AuditEvent? {
        guard var decoded = event.withUnsafeBytes({ EventDecoder.event($0) }) else { return nil }
        decoded.writer = writer
        decoded.sequence = sequence
        decoded.hash = hash
        decoded.previousHash = previousHash
        return decoded
    }
}
