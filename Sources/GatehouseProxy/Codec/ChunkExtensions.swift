/// `*( ";" name [ "=" value ] )` of RFC 9112 section 7.1.1, without optional whitespace, byte by byte. The first semicolon was taken.
struct ChunkExtensions {
    private enum Place {
        case nameStart
        case name
        case valueStart
        case value
        case quoted
        case escaped
        case quotedEnd
    }

    private var place = Place.nameStart
    private var count = 1

    /// Whether the line may end here.
    var mayEnd: Bool { place == .name || place == .value || place == .quotedEnd }

    /// False when the byte is not part of an extension, or there are too many.
    mutating func take(_ byte: UInt8) -> Bool {
        count += 1
        guard count <= BodyScanner.maximumExtension, let next = next(byte) else { return false }
        place = next
        return true
    }

    private func next(_ byte: UInt8) -> Place? {
        switch place {
        case .nameStart: TokenCharacters.contains(byte) ? .name : nil
        case .name:
            TokenCharacters.contains(byte) ? .name : byte == 0x3D ? .valueStart : byte == 0x3B ? .nameStart : nil
        case .valueStart: byte == 0x22 ? .quoted : TokenCharacters.contains(byte) ? .value : nil
        case .value: TokenCharacters.contains(byte) ? .value : byte == 0x3B ? .nameStart : nil
        case .quoted: byte == 0x22 ? .quotedEnd : byte == 0x5C ? .escaped : isText(byte) ? .quoted : nil
        case .escaped: isText(byte) ? .quoted : nil
        case .quotedEnd: byte == 0x3B ? .nameStart : nil
        }
    }

    private func isText(_ byte: UInt8) -> Bool { byte >= 0x20 && byte < 0x7F }
}
