/// One event as it stands in a segment.
package struct SpoolRecord: Hashable, Sendable {
    package let sequence: Int64
    /// Empty for an event that is not chained; so is ``previousHash``.
    package let hash: [UInt8]
    package let previousHash: [UInt8]
    /// The event in canonical form.
    package let event: [UInt8]

    /// The first byte of a payload.
    enum Form: UInt8 {
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

        func payloadLength(ofEvent length: Int) -> Int {
            Segment.envelopeLength + hashes * Segment.hashLength + length
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
        // Rebased: an array of a slice is filled byte by byte.
        hash = form == .plain ? [] : Array(UnsafeRawBufferPointer(rebasing: payload[hashStart..<eventStart]))
        self.previousHash =
            switch form {
            case .plain: []
            case .chained: previousHash
            case .start: Array(UnsafeRawBufferPointer(rebasing: payload[Segment.envelopeLength..<hashStart]))
            }
        event = Array(bytes)
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
