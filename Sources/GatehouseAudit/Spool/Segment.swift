/// The form of a segment file: a header, then records.
///
///     header: magic 8 · number 8 · sequence of the first record 8 · writer (length 1, text 64, zeroes 3)
///             · hash before the first record 32 (zero when that is not chained) · CRC-32C of all before it 4
///     record: length 4 · CRC-32C 4 · payload
///     payload: form 1 (1: not chained, 2: chained, 3: first of a chain) · sequence 8 · [in form 3: prev_hash 32] · [hash 32]
///              · event in canonical form
///
/// Numbers are little endian. But for the first of a chain, `prev_hash` is the hash of the record before.
package enum Segment {
    static let headerLength = 128
    static let magic: UInt64 = 0x0100_0047_4553_4847  // "GHSEG", version 1
    static let hashOffset = 92
    static let frameLength = 8
    static let envelopeLength = 9
    static let hashLength = 32
    static let maximumPayload = envelopeLength + 2 * hashLength + EventEncoder.maximumLength

    struct Header: Equatable {
        let number: Int
        let firstSequence: Int64
        let writer: String
        /// Empty when the event before is not chained, or there is none.
        let previousHash: [UInt8]
    }

    static func name(writer: String, number: Int) -> String {
        let digits = String(number)
        return "\(writer)-\(String(repeating: "0", count: max(0, 10 - digits.count)))\(digits).seg"
    }

    /// The number in a segment's file name, nil for every other file.
    static func number(ofFile name: String, writer: String) -> Int? {
        guard name.hasPrefix("\(writer)-"), name.hasSuffix(".seg") else { return nil }
        let digits = name.dropFirst(writer.utf8.count + 1).dropLast(4)
        guard digits.utf8.count >= 10, let number = Int(digits), number > 0,
            Self.name(writer: writer, number: number) == name
        else {
            return nil
        }
        return number
    }

    static func encode(_ header: Header) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(headerLength)
        func append(_ word: UInt64) { withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) } }
        append(magic)
        append(UInt64(header.number))
        append(UInt64(bitPattern: header.firstSequence))
        let writer = Array(header.writer.utf8.prefix(ChainFront.writerLimit))
        bytes.append(UInt8(writer.count))
        bytes += writer
        bytes += [UInt8](repeating: 0, count: hashOffset - bytes.count)
        bytes += header.previousHash.prefix(hashLength)
        bytes += [UInt8](repeating: 0, count: headerLength - 4 - bytes.count)
        let crc = bytes.withUnsafeBytes { CRC32C.checksum($0) }
        withUnsafeBytes(of: crc.littleEndian) { bytes.append(contentsOf: $0) }
        return bytes
    }

    static func header(_ bytes: UnsafeRawBufferPointer) -> Header? {
        guard bytes.count >= headerLength else { return nil }
        func word(_ offset: Int) -> UInt64 {
            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        let crc = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: headerLength - 4, as: UInt32.self))
        guard word(0) == magic, let number = Int(exactly: word(8)), Int(bytes[24]) <= ChainFront.writerLimit,
            crc == CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes[0..<headerLength - 4]))
        else { return nil }
        let hash = Array(bytes[hashOffset..<hashOffset + hashLength])
        return Header(
            number: number,
            firstSequence: Int64(bitPattern: word(16)),
            writer: String(decoding: bytes[25..<25 + Int(bytes[24])], as: UTF8.self),
            previousHash: hash.allSatisfy { $0 == 0 } ? [] : hash
        )
    }
}
