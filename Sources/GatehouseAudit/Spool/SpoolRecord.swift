/// One event as it stands in a segment.
package struct SpoolRecord: Hashable, Sendable {
    package let sequence: Int64
    /// Empty until there is a chain; so is ``previousHash``.
    package let hash: [UInt8]
    package let previousHash: [UInt8]
    /// The event in canonical form.
    package let event: [UInt8]

    /// Reads the payload of a record.
    init?(payload: UnsafeRawBufferPointer, previousHash: [UInt8]) {
        guard payload.count >= Segment.envelopeLength, payload[0] == 1 || payload[0] == 2 else { return nil }
        let eventStart = Segment.envelopeLength + (payload[0] == 2 ? Segment.hashLength : 0)
        guard payload.count >= eventStart else { return nil }
        let bytes = UnsafeRawBufferPointer(rebasing: payload[eventStart...])
        guard EventDecoder.head(bytes) != nil, EventDecoder.fields(bytes, { _, _ in }) else { return nil }
        sequence = Int64(bitPattern: UInt64(littleEndian: payload.loadUnaligned(fromByteOffset: 1, as: UInt64.self)))
        hash = Array(payload[Segment.envelopeLength..<eventStart])
        self.previousHash = payload[0] == 2 ? previousHash : []
        event = Array(bytes)
    }

    /// Appends the frame of a record without a hash.
    static func append(_ event: UnsafeRawBufferPointer, sequence: Int64, to batch: inout [UInt8]) {
        let payloadLength = Segment.envelopeLength + event.count
        let start = batch.count
        batch.append(contentsOf: repeatElement(0, count: Segment.frameLength + Segment.envelopeLength))
        batch.append(contentsOf: event)
        batch.withUnsafeMutableBytes { bytes in
            let frame = UnsafeMutableRawBufferPointer(rebasing: bytes[start...])
            frame[Segment.frameLength] = 1
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
