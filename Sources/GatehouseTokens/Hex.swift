internal import GatehouseCore

/// Lower-case hexadecimal text.
enum Hex {
    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: bytes.flatMap { [digit($0 >> 4), digit($0 & 15)] }, as: UTF8.self)
    }

    static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }

    /// The value of a lower-case digit: keys have one spelling.
    static func value(_ byte: UInt8) -> UInt8? {
        (0x41...0x46).contains(byte) ? nil : byte.hexValue
    }
}
