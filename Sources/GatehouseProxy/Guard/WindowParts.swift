/// The parts of windows of ``GramFilter`` that some byte strings can fill, each once.
///
/// - Note: `@unchecked Sendable`: the memory is written in `init`, and neither changed nor freed afterwards. There are some hundred of these in a process,
///   one for each symbol of ``Alphabet``.
struct WindowParts: @unchecked Sendable {
    /// Bytes in the order of memory, the first one lowest.
    struct Part: Hashable {
        let bytes: UInt32
        let count: Int32
    }

    /// The ends of windows, by the bytes that are left in a window: the string as a whole where it fits, otherwise its beginning. At index 0 for one.
    let beginnings: UnsafeBufferPointer<UnsafeBufferPointer<Part>>
    /// The beginnings of windows: the string from each of its bytes on, as much as fits.
    let rests: UnsafeBufferPointer<Part>

    init(_ strings: [Alphabet.Spelling]) {
        beginnings = .immortal(
            (1...GramFilter.window).map { room in
                Self.distinct(strings.flatMap { Self.parts($0.prefix(room)) })
            }
        )
        rests = Self.distinct(
            strings.flatMap { string in
                string.indices.flatMap { Self.parts(string[$0...].prefix(GramFilter.window)) }
            }
        )
    }

    /// One part for each choice of cases.
    private static func parts(_ letters: ArraySlice<Alphabet.Letter>) -> [Part] {
        letters.enumerated().reduce([Part(bytes: 0, count: 0)]) { parts, letter in
            parts.flatMap { part in
                letter.element.bytes.map {
                    Part(bytes: part.bytes | UInt32($0) << UInt32(8 * letter.offset), count: part.count + 1)
                }
            }
        }
    }

    private static func distinct(_ parts: [Part]) -> UnsafeBufferPointer<Part> { .immortal(Array(Set(parts))) }
}

extension UnsafeBufferPointer {
    /// A copy that is never freed.
    static func immortal(_ elements: [Element]) -> UnsafeBufferPointer {
        let copy = UnsafeMutableBufferPointer<Element>.allocate(capacity: elements.count)
        _ = copy.initialize(from: elements)
        return UnsafeBufferPointer(copy)
    }
}
