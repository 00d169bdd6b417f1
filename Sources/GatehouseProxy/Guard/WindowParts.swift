/// The parts of windows of ``GramFilter`` that some byte strings can fill, each once.
///
/// - Note: `@unchecked Sendable`: the memory is written in `init`, and neither changed nor freed afterwards. There are some hundred of these in a process,
///   one for each symbol of ``Alphabet``.
struct WindowParts: @unchecked Sendable {
    /// Bytes in the order of memory, the first one lowest.
    struct Part {
        let bytes: UInt32
        let count: Int32

        var key: UInt64 { UInt64(bytes) << 32 | UInt64(UInt32(bitPattern: count)) }
    }

    /// The ends of windows, by the bytes that are left in a window: the string as a whole where it fits, otherwise its beginning. At index 0 for one.
    let beginnings: UnsafeBufferPointer<UnsafeBufferPointer<Part>>
    /// The beginnings of windows: the string from each of its bytes on, as much as fits.
    let rests: UnsafeBufferPointer<Part>

    init(_ strings: [Alphabet.Spelling]) {
        beginnings = .immortal(
            (1...GramFilter.window).map { room in
                var parts: [Part] = []
                for string in strings { Self.add(string.prefix(room), to: &parts) }
                return Self.distinct(&parts)
            }
        )
        var parts: [Part] = []
        for string in strings {
            for index in string.indices { Self.add(string[index...].prefix(GramFilter.window), to: &parts) }
        }
        rests = Self.distinct(&parts)
    }

    /// Adds one part for each choice of cases.
    private static func add(_ letters: ArraySlice<Alphabet.Letter>, to parts: inout [Part]) {
        let first = parts.count
        parts.append(Part(bytes: 0, count: Int32(letters.count)))
        var shift: UInt32 = 0
        for letter in letters {
            for index in first..<parts.count {
                let (others, count) = (parts[index].bytes, parts[index].count)
                parts[index] = Part(bytes: others | UInt32(letter.value) << shift, count: count)
                guard letter.mask != 0 else { continue }
                parts.append(Part(bytes: others | UInt32(letter.value & ~letter.mask) << shift, count: count))
            }
            shift += 8
        }
    }

    // Sorted, which takes an eighth of what a set does: all of it is made before the first request.
    private static func distinct(_ parts: inout [Part]) -> UnsafeBufferPointer<Part> {
        parts.sort { $0.key < $1.key }
        var last: UInt64?
        parts.removeAll { part in
            defer { last = part.key }
            return part.key == last
        }
        return .immortal(parts)
    }
}

extension UnsafeBufferPointer {
    /// A copy that is never freed.
    static func immortal(_ elements: [Element]) -> UnsafeBufferPointer {
        let copy = UnsafeMutableBufferPointer<Element>.allocate(capacity: elements.count)
        _ = copy.initialize(from: elements)
        return UnsafeBufferPointer(copy)
    }
}
