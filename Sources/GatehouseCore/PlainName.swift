/// The form of a tool's or prompt's name that no reader takes for another name: not one that trims it, leaves out what is not
/// seen, or folds what looks alike.
package enum PlainName {
    package static func isPlain(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let first = text.first, let last = text.last, first != 0x20, last != 0x20 else { return false }
        if text.allSatisfy({ (0x20..<0x7F).contains($0) }) { return true }
        let scalars = String(decoding: text, as: UTF8.self).unicodeScalars
        guard scalars.first?.properties.isWhitespace == false, scalars.last?.properties.isWhitespace == false else {
            return false
        }
        return scalars.allSatisfy { isPlain($0) }
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        let properties = scalar.properties
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: return false
        case _: break
        }
        return scalar.isASCII || lowered(scalar) != nil
    }

    /// The lower case of a scalar beyond ASCII that no reader takes for anything but itself or that; nil for what is not seen, and for full width,
    /// ligatures, letters of mathematics and the like, which some reader folds into others.
    static func lowered(_ scalar: Unicode.Scalar) -> String.UnicodeScalarView? {
        let properties = scalar.properties
        guard !properties.isDefaultIgnorableCodePoint else { return nil }
        let lower = properties.lowercaseMapping.unicodeScalars
        guard properties.changesWhenNFKCCaseFolded else { return lower }
        // Upper case is none of these: there its lower case is looked at.
        let isPlain =
            lower.first != scalar && lower.allSatisfy { !$0.isASCII && !$0.properties.changesWhenNFKCCaseFolded }
        return isPlain ? lower : nil
    }
}
