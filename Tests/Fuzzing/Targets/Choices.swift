import GatehouseTestSupport

/// Choices that bytes make, one after the other; behind the last byte each choice is the first.
struct Choices {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: some Collection<UInt8>) { rest = Array(bytes)[...] }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    /// One of at most 65,536 numbers.
    mutating func number(_ below: Int) -> Int {
        guard below > 1 else { return 0 }
        return (below <= 256 ? Int(byte()) : Int(byte()) << 8 | Int(byte())) % below
    }

    mutating func chance() -> Bool { byte() & 1 == 1 }

    mutating func one<Element>(_ elements: [Element]) -> Element { elements[number(elements.count)] }

    mutating func bytes(upTo limit: Int) -> [UInt8] {
        let taken = rest.prefix(number(limit + 1))
        rest = rest.dropFirst(taken.count)
        return Array(taken)
    }

    /// Changes bytes in one to four places.
    mutating func edit(_ bytes: inout [UInt8]) {
        for _ in 0...number(4) where !bytes.isEmpty {
            let place = number(bytes.count)
            switch number(7) {
            case 0: bytes[place] ^= 1 << UInt8(number(8))
            case 1: bytes[place] = byte()
            case 2: bytes.remove(at: place)
            case 3: bytes.insert(byte(), at: place)
            case 4: bytes.swapAt(place, number(bytes.count))
            case 5: bytes.removeSubrange(place...)
            case _:
                let end = min(bytes.count, place + number(48))
                bytes.insert(contentsOf: bytes[place..<end], at: number(bytes.count + 1))
            }
        }
    }
}

extension SplitMix {
    /// Numbers that follow from bytes (FNV-1a).
    init(of bytes: [UInt8]) {
        self.init(seed: bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 })
    }

    /// The bytes in parts: single ones, some, or many at a time.
    mutating func parts(of bytes: [UInt8]) -> [[UInt8]] {
        let longest = [1, 3, 10, 100].randomElement(using: &self) ?? 1
        var parts: [[UInt8]] = []
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + Int.random(in: 1...longest, using: &self))
            parts.append(Array(bytes[start..<end]))
            start = end
        }
        return parts
    }
}
