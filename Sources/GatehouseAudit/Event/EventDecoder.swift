internal import GatehouseCore

/// Reads the canonical form of events. Bytes that are not exactly such a form give nil, never a trap.
enum EventDecoder {
    /// The fixed part of an event, which is read without the rest.
    struct Head {
        let id: EventID
        let requestID: RequestID
        let kind: EventKind
        let at: Timestamp
    }

    static func head(_ bytes: UnsafeRawBufferPointer) -> Head? {
        guard bytes.count >= EventEncoder.fixedLength, bytes[0] == EventEncoder.version,
            let kind = EventKind(rawValue: bytes[1])
        else { return nil }
        func word(_ offset: Int) -> UInt64 { bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
        return Head(
            id: EventID(high: UInt64(bigEndian: word(2)), low: UInt64(bigEndian: word(10))),
            requestID: RequestID(high: UInt64(bigEndian: word(18)), low: UInt64(bigEndian: word(26))),
            kind: kind,
            at: Timestamp(microseconds: Int64(bitPattern: UInt64(littleEndian: word(34))))
        )
    }

    /// Whether the event has no established caller, by the first of its fields alone.
    static func isOfNobody(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var offset = EventEncoder.fixedLength
        if bytes.count > offset + 3, bytes[offset] == AuditColumn.route.rawValue {
            offset += 3 + Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 1, as: UInt16.self)))
        }
        guard bytes.count >= offset + 7, bytes[offset] == AuditColumn.principalKind.rawValue else { return false }
        // "none", behind its length.
        return bytes[offset + 1] == 4 && bytes[offset + 2] == 0
            && UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 3, as: UInt32.self)) == 0x656E_6F6E
    }

    static func event(_ bytes: UnsafeRawBufferPointer) -> AuditEvent? {
        guard let head = head(bytes) else { return nil }
        var event = AuditEvent(id: head.id, requestID: head.requestID, kind: head.kind, at: head.at)
        let isWhole = fields(bytes) { column, value in
            switch value {
            case .text(let text): event.set(column, .text(String(decoding: text, as: UTF8.self)))
            case .integer(let number): event.set(column, .integer(number))
            case .sealed(let bytes): event.set(column, .sealed(Array(bytes)))
            }
        }
        return isWhole ? event : nil
    }

    enum Field {
        case text(UnsafeRawBufferPointer)
        case integer(Int64)
        case sealed(UnsafeRawBufferPointer)
    }

    /// Passes the tagged fields on in order.
    ///
    /// - Returns: whether the bytes ended with a whole field, tags ascending and known.
    @inline(__always)
    static func fields(_ bytes: UnsafeRawBufferPointer, _ body: (AuditColumn, Field) -> Void) -> Bool {
        var offset = EventEncoder.fixedLength
        var lastTag = AuditColumn.firstField.rawValue - 1
        while offset < bytes.count {
            guard let column = AuditColumn(rawValue: bytes[offset]), column.rawValue > lastTag else { return false }
            lastTag = column.rawValue
            offset += 1
            switch column.shape {
            case .text(let limit), .sealed(let limit):
                guard offset + 2 <= bytes.count else { return false }
                let length = Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
                offset += 2
                guard length <= limit, offset + length <= bytes.count else { return false }
                let value = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
                body(column, column == .argumentsSealed ? .sealed(value) : .text(value))
                offset += length
            case .integer:
                guard offset + 8 <= bytes.count else { return false }
                let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                body(column, .integer(Int64(bitPattern: word)))
                offset += 8
            case .time, .hash:
                return false
            }
        }
        return bytes.count >= EventEncoder.fixedLength
    }
}
