import Testing

@testable import GatehouseCore

@Suite struct Base64URLTests {
    private func decoded(_ text: String) -> [UInt8]? { Array(text.utf8).withUnsafeBytes { Base64URL.decode($0) } }

    /// RFC 4648 section 10, without padding.
    @Test(arguments: [
        ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
        ("foobar", "Zm9vYmFy"),
    ])
    func `Base64URL reads and writes the vectors`(_ plain: String, _ text: String) {
        #expect(decoded(text) == Array(plain.utf8))
        #expect(Base64URL.encode(Array(plain.utf8)) == text)
    }

    @Test func `Base64URL uses the URL alphabet`() {
        #expect(decoded("-_-_") == [0xFB, 0xFF, 0xBF])
        #expect(decoded("+/+/") == nil)
    }

    @Test(arguments: [
        "Z", "Zg==", "Zg=", "Zm9vY", "Zh", "Zm9", "Z g", "Zg\n", " Zg", "Zm9v?", "Zm9v\u{E9}", "Zm9vYmF=", "Zm.v",
    ])
    func `Base64URL refuses what is not canonical`(_ text: String) { #expect(decoded(text) == nil) }

    @Test func `every value has one spelling only`() {
        for one in UInt8.min...UInt8.max {
            for two in stride(from: UInt8.min, to: 255, by: 7) {
                for bytes in [[one], [one, two], [one, two, one]] {
                    #expect(decoded(Base64URL.encode(bytes)) == bytes)
                }
            }
        }
    }

    @Test func `Base64URL refuses a target that is too small`() {
        let target = UnsafeMutableRawBufferPointer.allocate(byteCount: 2, alignment: 1)
        defer { target.deallocate() }
        Array("Zm9v".utf8).withUnsafeBytes { text in
            #expect(Base64URL.decode(text, into: target) == nil)
            #expect(Base64URL.decode(UnsafeRawBufferPointer(rebasing: text[..<3]), into: target) == nil)
        }
        Array("Zm8".utf8).withUnsafeBytes { #expect(Base64URL.decode($0, into: target)?.count == 2) }
    }
}
