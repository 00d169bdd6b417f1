import Testing

@testable import GatehouseCore

@Suite("The entries of gatehouse deny") struct DenyBookTests {
    private static func entry(_ kind: DenyEntry.Kind, _ text: String, at: Int64 = 1) -> DenyEntry {
        DenyEntry(kind, text, by: "ops", at: Timestamp(seconds: at), note: "é")
    }

    @Test func `an entry stands once, however an address is written`() {
        var book = DenyBook()
        let one = Self.entry(.user, "Ada@XN--MNCHEN-3YA.de")
        #expect(book.add([one, Self.entry(.group, "ada")])?.count == 2)
        #expect(book.add([Self.entry(.user, "ada@münchen.de", at: 9)]) == [])
        #expect(book.entries.first == one && book.holds(Self.entry(.user, "ADA@münchen.DE")))
        // Of another kind, or a subject in other letters, is another one.
        #expect(book.add([Self.entry(.subject, "ada"), Self.entry(.subject, "ADA")])?.count == 2)
        #expect(book.remove([Self.entry(.user, "ada@MÜNCHEN.de"), Self.entry(.subject, "nobody")]) == [one])
        #expect(book.texts(.user).isEmpty && book.texts(.subject) == ["ada", "ADA"])
    }

    @Test func `too many are none`() {
        var book = DenyBook()
        let full = (0..<DenyBook.maximumEntries).map { Self.entry(.subject, "\($0)") }
        #expect(book.add(full)?.count == full.count)
        #expect(book.add([Self.entry(.subject, "more"), Self.entry(.subject, "1")]) == nil)
        #expect(book.entries == full)
        #expect(book.encoded.count <= DenyBook.maximumLength)
    }

    @Test func `the entries are read as they were written, and nothing else is`() throws {
        var book = DenyBook()
        _ = book.add(DenyEntry.Kind.allCases.map { Self.entry($0, "text of \($0)") })
        let bytes = book.encoded
        func decoded(_ bytes: some Collection<UInt8>) -> DenyBook? {
            Array(bytes).withUnsafeBytes { DenyBook(decoding: $0) }
        }
        #expect(decoded(bytes) == book)
        #expect(decoded([1]) == DenyBook())
        for count in 2..<bytes.count where decoded(bytes.prefix(count)) != nil {
            // What ends between two entries is a shorter book.
            #expect(decoded(bytes.prefix(count))?.encoded == Array(bytes.prefix(count)))
        }
        #expect(decoded([]) == nil && decoded([2] + bytes.dropFirst()) == nil && decoded(bytes + [9]) == nil)
        #expect(decoded([1, 1, 0xFF, 0xFF, 0xFF, 0xFF]) == nil)
    }
}
