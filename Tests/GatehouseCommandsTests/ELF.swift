import Foundation

/// The dynamic section of a 64-bit little-endian ELF file (System V gABI, chapter 5): the libraries that it needs.
struct ELF {
    struct Malformed: Error {}

    /// The file names of its `DT_NEEDED` entries.
    let needed: [String]

    init(path: String) throws {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
        guard bytes.count >= 64, bytes.prefix(6).elementsEqual([0x7F, 0x45, 0x4C, 0x46, 2, 1]) else {
            throw Malformed()
        }
        let table = try Self.number(bytes, 32, 8)
        let entrySize = try Self.number(bytes, 54, 2)
        let count = try Self.number(bytes, 56, 2)
        let segments = try (0..<count).map { index in
            let start = table + index * entrySize
            return Segment(
                type: try Self.number(bytes, start, 4),
                offset: try Self.number(bytes, start + 8, 8),
                address: try Self.number(bytes, start + 16, 8),
                size: try Self.number(bytes, start + 32, 8)
            )
        }
        guard let dynamic = segments.first(where: { $0.type == Segment.dynamic }) else {
            needed = []
            return
        }
        var names: [Int] = []
        var strings: Int?
        for entry in stride(from: dynamic.offset, to: dynamic.offset + dynamic.size, by: 16) {
            let value = try Self.number(bytes, entry + 8, 8)
            switch try Self.number(bytes, entry, 8) {
            case 1: names.append(value)  // DT_NEEDED
            case 5: strings = value  // DT_STRTAB, an address
            case _: break
            }
        }
        guard let strings,
            let home = segments.first(where: {
                $0.type == Segment.load && ($0.address..<$0.address + $0.size).contains(strings)
            })
        else { throw Malformed() }
        needed = try names.map { name in
            let start = strings - home.address + home.offset + name
            guard bytes.indices.contains(start), let end = bytes[start...].firstIndex(of: 0) else { throw Malformed() }
            return String(decoding: bytes[start..<end], as: UTF8.self)
        }
    }

    private struct Segment {
        static let load = 1
        static let dynamic = 2
        let type: Int
        let offset: Int
        let address: Int
        let size: Int
    }

    private static func number(_ bytes: Data, _ offset: Int, _ width: Int) throws -> Int {
        guard offset >= 0, offset + width <= bytes.count else { throw Malformed() }
        let value = bytes[offset..<offset + width].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard let number = Int(exactly: value) else { throw Malformed() }
        return number
    }
}
