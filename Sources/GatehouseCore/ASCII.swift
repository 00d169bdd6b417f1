// Inlinable: the codec asks these of single bytes, from another module.
extension UInt8 {
    @inlinable package var isASCIIDigit: Bool { self &- 0x30 < 10 }
    @inlinable package var isASCIILetter: Bool { (self | 0x20) &- 0x61 < 26 }
    @inlinable package var isHexDigit: Bool { isASCIIDigit || (self | 0x20) &- 0x61 < 6 }
    @inlinable package var lowercasedASCII: UInt8 { self &- 0x41 < 26 ? self | 0x20 : self }

    /// The value of a hexadecimal digit, nil for any other byte.
    @inlinable package var hexValue: UInt8? {
        if isASCIIDigit { return self &- 0x30 }
        let letter = (self | 0x20) &- 0x61
        return letter < 6 ? letter &+ 10 : nil
    }

    /// `tchar` of RFC 9110 section 5.6.2: the bytes of a field name or a method.
    @inlinable package var isTokenCharacter: Bool {
        if isASCIILetter || isASCIIDigit { return true }
        switch self {
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E, 0x5F, 0x60, 0x7C, 0x7E: return true
        case _: return false
        }
    }
}

extension String {
    /// Lower case of A to Z only: what protocols mean, without Unicode's special cases.
    package func lowercasedASCII() -> String {
        String(decoding: utf8.map(\.lowercasedASCII), as: UTF8.self)
    }

    /// Whether the text may stand in a header field value: no control byte but tab (RFC 9110 section 5.5).
    package var isFieldValueSafe: Bool {
        utf8.allSatisfy { ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }
    }
}
