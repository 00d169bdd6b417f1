import GatehouseTestSupport
import Testing

@testable import GatehouseMCP

/// The lines of an event stream are those that WHATWG HTML section 9.2.6 says, however the stream is cut: compared with a reader that has the whole.
@Suite struct EventLineTests {
    /// A stretch of the stream by its meaning; neighbours of one meaning are one.
    private struct Part: Equatable {
        let piece: EventLines.Piece
        var text: [UInt8] = []
    }

    private static func parts(_ stream: [UInt8], by size: Int) -> [Part] {
        var lines = EventLines()
        var parts: [Part] = []
        for start in stride(from: 0, to: stream.count, by: size) {
            let slice = stream[start..<min(start + size, stream.count)]
            slice.withUnsafeBytes { bytes in
                lines.split(bytes) { piece, range in
                    let isMark = piece == .end || piece == .idEnd
                    #expect(range.isEmpty == isMark, "\(String(decoding: stream, as: UTF8.self).debugDescription)")
                    if !isMark, parts.last?.piece == piece {
                        parts[parts.count - 1].text += bytes[range]
                    } else {
                        parts.append(Part(piece: piece, text: Array(bytes[range])))
                    }
                }
            }
        }
        return parts
    }

    /// The same, read line by line.
    private static func oracle(_ stream: [UInt8]) -> [Part] {
        var parts: [Part] = []
        func add(_ piece: EventLines.Piece, _ text: some Collection<UInt8>) {
            guard !text.isEmpty else { return }
            if parts.last?.piece == piece {
                parts[parts.count - 1].text += text
            } else {
                parts.append(Part(piece: piece, text: Array(text)))
            }
        }
        var rest = stream[...]
        var isAddress = false
        while !rest.isEmpty {
            let line = rest.prefix { $0 != 0x0A && $0 != 0x0D }
            rest = rest[line.endIndex...]
            let terminator = rest.starts(with: [0x0D, 0x0A]) ? rest.prefix(2) : rest.prefix(1)
            rest = rest[terminator.endIndex...]
            let isWhole = !terminator.isEmpty
            if line.isEmpty {
                add(.framing, terminator.prefix(1))
                parts.append(Part(piece: .end))
                add(.framing, terminator.dropFirst())
                isAddress = false
                continue
            }
            guard let colon = line.firstIndex(of: 0x3A) else {
                add(.framing, line + terminator)
                continue
            }
            let value = line[(colon + 1)...]
            let text = value.first == 0x20 ? value.dropFirst() : value
            add(.framing, line[..<text.startIndex])
            switch String(decoding: line[..<colon], as: UTF8.self) {
            case "data": add(isAddress ? .address : .data, text)
            case "id":
                add(.id, text)
                if isWhole { parts.append(Part(piece: .idEnd)) }
            case "event":
                add(.framing, text)
                isAddress = isWhole && String(decoding: text, as: UTF8.self) == "endpoint"
            case _: add(.framing, text)
            }
            add(.framing, terminator)
        }
        return parts
    }

    private static func compare(_ stream: String) {
        let bytes = Array(stream.utf8)
        let expected = oracle(bytes)
        for size in [Int.max, 1, 2, 5] {
            #expect(
                parts(bytes, by: min(size, max(1, bytes.count))) == expected,
                "\(stream.debugDescription) by \(size)"
            )
        }
    }

    private static let words = ["data", "event", "id", "endpoint", ":", ":", " ", "\n", "\n", "\r", "\r\n"]

    @Test func `every short stream of words that matter`() {
        for one in Self.words {
            for two in Self.words {
                for three in Self.words { for four in Self.words { Self.compare(one + two + three + four) } }
            }
        }
    }

    @Test func `streams of lines at random`() {
        var random = SplitMix(seed: 0x11E5)
        let names = [
            "data", "event", "id", "", "x", "ab", "note", "names", "xdata", "messages", "datadatadata", "Data",
        ]
        let values = [
            "endpoint", "xendpoint", "messages", "endpoint ", "", "x", " ", "data: 5", "longer than a word", "é",
        ]
        let ends = ["\n", "\r", "\r\n", "\n\n", "\r\r", "\r\n\r\n", "\n\r\n", ""]
        for _ in 0..<4000 {
            var stream = ""
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                // Most events name their type first, as those do that have an address.
                if random.next() % 4 == 0 { stream += "event:\(random.next() % 2 == 0 ? " " : "")endpoint\n" }
                stream += names.randomElement(using: &random)!
                if random.next() % 8 != 0 { stream += ":" }
                if random.next() % 2 == 0 { stream += " " }
                stream += values.randomElement(using: &random)! + ends.randomElement(using: &random)!
            }
            Self.compare(stream)
        }
    }

    @Test func `a byte order mark is no part of the first name, and one in the midst is`() {
        let marked = Array("\u{FEFF}data: x\n\u{FEFF}data: y\n".utf8)
        let expected = [
            Part(piece: .framing, text: Array("\u{FEFF}data: ".utf8)), Part(piece: .data, text: Array("x".utf8)),
            Part(piece: .framing, text: Array("\n\u{FEFF}data: y\n".utf8)),
        ]
        for size in [marked.count, 1, 2] { #expect(Self.parts(marked, by: size) == expected) }
    }
}
