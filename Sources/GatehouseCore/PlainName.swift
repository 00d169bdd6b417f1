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
        guard !scalar.isASCII else { return true }
        guard !properties.isDefaultIgnorableCodePoint else { return false }
        // Full width, ligatures, letters of mathematics and the like. Upper case is none of these: there its lower case is looked at.
        guard properties.changesWhenNFKCCaseFolded else { return true }
        let lower = properties.lowercaseMapping.unicodeScalars
        return lower.first != scalar && lower.allSatisfy { !$0.isASCII && !$0.properties.changesWhenNFKCCaseFolded }
    }
}
