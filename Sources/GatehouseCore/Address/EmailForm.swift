@_spi(_Unicode) internal import Swift

/// The one form under which e-mail addresses are compared: two spellings that people take for one address have the same.
///
/// - The local part is in Unicode's simple case folding and NFC. Simple, because the full one makes `ss` of `ß`, and two people or two
///   domains may differ in just that.
/// - The domain is in lower case and NFC (UTS 46 section 4, without its transitional mappings), its labels as Unicode (U-labels of RFC 5890):
///   `xn--mnchen-3ya.de` is `münchen.de`. Full-width letters and ideographic full stops stand for the plain ones, and the final dot,
///   which names the root, is left out.
///
/// A `*` stays what it is, so patterns have a form as well; one that stands inside an `xn--` label keeps that label as it is written.
package enum EmailForm {
    package static func form(of address: String) -> String {
        let bytes = address.utf8
        guard let at = bytes.lastIndex(of: UInt8(ascii: "@")) else { return domain(address[...]) }
        return local(address[..<at]) + "@" + domain(address[bytes.index(after: at)...])
    }

    private static func local(_ text: Substring) -> String {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return String(text).lowercasedASCII() }
        var folded = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { folded.append(contentsOf: fold(scalar)) }
        return composed(String(folded))
    }

    /// CaseFolding.txt, statuses C and S. The way round over the upper case makes one of `ς`, `σ` and `Σ`; `ı` has a letter of its own that
    /// the upper case would make an `i`.
    private static func fold(_ scalar: Unicode.Scalar) -> String.UnicodeScalarView {
        let lower = scalar.properties.lowercaseMapping.unicodeScalars
        guard lower.count == 1, let only = lower.first, only != "\u{131}" else { return lower }
        let upper = only.properties.uppercaseMapping.unicodeScalars
        guard upper.count == 1, let capital = upper.first else { return lower }
        let folded = capital.properties.lowercaseMapping.unicodeScalars
        return folded.count == 1 ? folded : lower
    }

    private static func domain(_ text: Substring) -> String {
        let mapped = text.utf8.allSatisfy { $0 < 0x80 } ? String(text).lowercasedASCII() : mapped(text)
        var labels = mapped.split(separator: ".", omittingEmptySubsequences: false).map { label($0) }
        if labels.count > 1, labels.last?.isEmpty == true { labels.removeLast() }
        return labels.joined(separator: ".")
    }

    /// The U-label of an A-label that has one; anything else as it is. What only looks like an A-label (RFC 5891 section 5.4) has none, so that
    /// it is no other person's name.
    private static func label(_ text: Substring) -> String {
        guard text.hasPrefix("xn--"), let decoded = Punycode.decode(text.dropFirst(4)) else { return String(text) }
        let isHostName = decoded.utf8.allSatisfy {
            $0 >= 0x80 || $0.isASCIILetter || $0.isASCIIDigit || $0 == 0x2D || $0 == 0x5F
        }
        let isSame = mapped(decoded[...]).utf8.elementsEqual(decoded.utf8)
        return isHostName && isSame && !decoded.utf8.allSatisfy { $0 < 0x80 } ? decoded : String(text)
    }

    private static func mapped(_ text: Substring) -> String {
        var mapped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x3002, 0xFF0E, 0xFF61: mapped.append(".")
            // Letters, digits and the hyphen; another sign, as the full-width `@`, would make a domain look like an address.
            case 0xFF0D, 0xFF10...0xFF19, 0xFF21...0xFF3A, 0xFF41...0xFF5A:
                guard let plain = Unicode.Scalar(scalar.value - 0xFEE0) else { continue }
                mapped.append(contentsOf: plain.properties.lowercaseMapping.unicodeScalars)
            case _: mapped.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
            }
        }
        return composed(String(mapped))
    }

    /// NFC. Swift compares by it and shows it nowhere else.
    private static func composed(_ text: String) -> String {
        var composed = String.UnicodeScalarView()
        composed.append(contentsOf: text._nfc)
        return String(composed)
    }
}
