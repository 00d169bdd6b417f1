/// The fields of a query or a form (`application/x-www-form-urlencoded`), read strictly: what two readers could read differently is refused.
package struct FormFields: Sendable {
    /// Fields that are read; a text with more is refused.
    package static let maximumCount = 32

    /// In memory of its own: a field may be a token that somebody pastes.
    private let text: Secret
    private let ranges: [String: Range<Int>]

    /// - Returns: nil for more than ``maximumCount`` fields, one that is named twice, a broken `%` or a name that is not UTF-8.
    package init?(_ text: some Collection<UInt8>) {
        self.text = Secret(text)
        guard let ranges = self.text.withUnsafeBytes(Self.ranges) else { return nil }
        self.ranges = ranges
    }

    /// Nil for a field that is not there or is not UTF-8.
    package subscript(name: String) -> String? {
        guard let range = ranges[name] else { return nil }
        return text.withUnsafeBytes { Self.decoded($0[range]) }.flatMap { String(validating: $0, as: UTF8.self) }
    }

    /// The value of a field that must not be shown.
    package func secret(_ name: String) -> Secret? {
        guard let range = ranges[name] else { return nil }
        return text.withUnsafeBytes { text in
            let value = text[range]
            let count = value.reduce(0) { $0 + ($1 == UInt8(ascii: "%") ? -1 : 1) }
            return Secret(count: count) { target in
                var index = range.lowerBound
                for place in 0..<count { target[place] = Self.next(value, &index) ?? 0 }
            }
        }
    }

    private static func ranges(_ text: UnsafeRawBufferPointer) -> [String: Range<Int>]? {
        var ranges: [String: Range<Int>] = [:]
        for part in text.split(separator: UInt8(ascii: "&")) {
            let name = part.prefix { $0 != UInt8(ascii: "=") }
            let start = min(name.endIndex + 1, part.endIndex)
            guard let name = decoded(name), isWhole(part[start...]),
                let key = String(validating: name, as: UTF8.self), ranges[key] == nil, ranges.count < maximumCount
            else { return nil }
            ranges[key] = start..<part.endIndex
        }
        return ranges
    }

    private static func decoded(_ text: Slice<UnsafeRawBufferPointer>) -> [UInt8]? {
        var decoded: [UInt8] = []
        var index = text.startIndex
        while index < text.endIndex {
            guard let byte = next(text, &index) else { return nil }
            decoded.append(byte)
        }
        return decoded
    }

    private static func isWhole(_ text: Slice<UnsafeRawBufferPointer>) -> Bool {
        var index = text.startIndex
        while index < text.endIndex { if next(text, &index) == nil { return false } }
        return true
    }

    /// - Returns: nil for a `%` without two digits.
    private static func next(_ text: Slice<UnsafeRawBufferPointer>, _ index: inout Int) -> UInt8? {
        let byte = text[index]
        guard byte == UInt8(ascii: "%") else {
            index += 1
            return byte == UInt8(ascii: "+") ? 0x20 : byte
        }
        guard index + 2 < text.endIndex, let high = text[index + 1].hexValue, let low = text[index + 2].hexValue else {
            return nil
        }
        index += 3
        return high << 4 | low
    }
}
