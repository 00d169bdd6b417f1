import GatehouseMCP
import GatehouseTestSupport
import Testing

/// The boundaries between events of a stream, compared with a reader that keeps all bytes.
@Suite struct EventBoundaryTests {
    /// All texts over a small alphabet, each split in every way into two and byte by byte.
    @Test func `the boundary agrees with the naive reader, however the stream is cut`() {
        let alphabet: [UInt8] = [0x0A, 0x0D, 0x61]
        var texts: [[UInt8]] = [[]]
        var layer = texts
        for _ in 0..<7 {
            layer = layer.flatMap { text in alphabet.map { text + [$0] } }
            texts += layer
        }
        for text in texts {
            let expected = EventLinesOracle.isAtBoundary(text)
            for cut in 0...text.count {
                var boundary = EventBoundary()
                boundary.advance(over: text.span.extracting(..<cut))
                boundary.advance(over: text.span.extracting(cut...))
                #expect(boundary.isAtBoundary == expected, "\(text) cut at \(cut)")
            }
            var byteByByte = EventBoundary()
            for index in text.indices { byteByByte.advance(over: text.span.extracting(index...index)) }
            #expect(byteByByte.isAtBoundary == expected, "\(text) byte by byte")
        }
    }

    @Test(arguments: [
        ("data: x\n\n", true), ("data: x\r\n\r\n", true), ("data: x\r\r", true), (": comment\n\n", true),
        ("data: x\n", false), ("data: x\r\n", false), ("data: x", false), ("data: x\n\nid", false),
    ])
    func `the boundary reads what servers send`(text: String, isAtBoundary: Bool) {
        var boundary = EventBoundary()
        let bytes = Array(text.utf8)
        boundary.advance(over: bytes.span)
        #expect(boundary.isAtBoundary == isAtBoundary)
    }
}
