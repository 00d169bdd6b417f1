package import GatehouseCore
internal import Glibc

/// Some secrets, made ready to be found in the bytes of answers. Immutable; made once for a version of a token and shared by its requests.
package final class SecretPatterns: Sendable {
    /// Symbols from the start of a form that the filter knows: enough for wide steps, and a bound for what it holds of a secret of some KiB.
    private static let longest = 64

    let forms: [SecretForm]
    let filter: GramFilter
    /// Bytes from one window to the next: no spelling, which has at least as many bytes as the shortest form symbols, has room between two of them.
    let stride: Int
    /// The bytes that a spelling may begin with.
    private let initials: (UInt64, UInt64, UInt64, UInt64)

    /// - Returns: nil when nothing is to be looked for.
    package init?(_ secrets: [Secret]) {
        let forms = secrets.filter { $0.count >= Reflection.shortestSecret }.flatMap { SecretForm.all(of: $0) }
        guard let least = forms.map(\.count).min() else { return nil }
        self.forms = forms
        let known = min(least, Self.longest)
        stride = known - GramFilter.window + 1
        var grams = Grams(room: forms.count * known * Grams.usual)
        for form in forms { grams.add(form, count: known) }
        filter = GramFilter(grams.all)
        grams.forget()
        var bits: [UInt64] = [0, 0, 0, 0]
        for form in forms {
            let symbol = form.symbols.withUnsafeBytes { Int($0[0]) }
            for byte in form.alphabet.spellings[symbol].flatMap({ $0[0].bytes }) {
                bits[Int(byte >> 6)] |= 1 << UInt64(byte & 63)
            }
        }
        initials = (bits[0], bits[1], bits[2], bits[3])
    }

    @inline(__always)
    func mayBegin(with byte: UInt8) -> Bool {
        let word =
            switch byte >> 6 {
            case 0: initials.0
            case 1: initials.1
            case 2: initials.2
            case _: initials.3
            }
        return word &>> UInt64(byte) & 1 == 1
    }
}

/// The windows that can stand in the spellings of forms.
private struct Grams {
    /// Windows that usually begin at a symbol, repeated ones included.
    static let usual = 80

    private(set) var all: [UInt32] = []

    init(room: Int) { all.reserveCapacity(room) }

    /// - Parameter count: symbols from the start of the form.
    mutating func add(_ form: SecretForm, count: Int) {
        form.symbols.withUnsafeBytes { symbols in
            let symbols = UnsafeRawBufferPointer(rebasing: symbols.prefix(count))
            for index in symbols.indices {
                for part in form.alphabet.parts[Int(symbols[index])].rests {
                    extend(part.bytes, Int(part.count), symbols, index + 1, mayBreak: true, form.alphabet)
                }
                // Windows within a line end are the same before every symbol.
                guard index > 0 else { continue }
                for part in form.alphabet.breakParts.rests where index == 1 || part.count < GramFilter.window {
                    extend(part.bytes, Int(part.count), symbols, index, mayBreak: false, form.alphabet)
                }
            }
        }
    }

    /// Fills a window with what may follow.
    private mutating func extend(
        _ gram: UInt32,
        _ filled: Int,
        _ symbols: UnsafeRawBufferPointer,
        _ index: Int,
        mayBreak: Bool,
        _ alphabet: Alphabet
    ) {
        let room = GramFilter.window - filled
        guard room > 0 else { return all.append(gram) }
        guard index < symbols.count else { return }
        for part in alphabet.parts[Int(symbols[index])].beginnings[room - 1] {
            let longer = gram | part.bytes << UInt32(8 * filled)
            extend(longer, filled + Int(part.count), symbols, index + 1, mayBreak: true, alphabet)
        }
        guard mayBreak else { return }
        for part in alphabet.breakParts.beginnings[room - 1] {
            let longer = gram | part.bytes << UInt32(8 * filled)
            extend(longer, filled + Int(part.count), symbols, index, mayBreak: false, alphabet)
        }
    }

    mutating func forget() {
        all.withUnsafeMutableBytes { bytes in
            if let base = bytes.baseAddress { explicit_bzero(base, bytes.count) }
        }
    }
}
