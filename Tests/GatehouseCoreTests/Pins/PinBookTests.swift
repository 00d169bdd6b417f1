import GatehouseCore
import Testing

/// What is approved, what waits, and what a request may then call.
@Suite struct PinBookTests {
    private static let now = Timestamp(seconds: 1_000)

    private static func name(_ text: String) -> ToolName { ToolName(text)! }

    /// A definition that is told from others of one name by a number.
    private static func tool(_ text: String, _ number: UInt8) -> ToolDefinition {
        ToolDefinition(
            name: name(text),
            digest: ToolDigest(Array(repeating: number, count: 32))!,
            canonical: Array(#"{"name":"\#(text)","title":"\#(number)"}"#.utf8)
        )
    }

    private static func allows(_ book: PinBook, _ tool: String, _ mode: ToolPinning.Mode = .approved) -> Bool {
        Array(tool.utf8).withUnsafeBytes { RoutePins(book, mode).allows($0) }
    }

    @Test func `a tool is open once it is approved, and closed while another definition was seen last`() {
        var book = PinBook()
        #expect(!Self.allows(book, "a"))
        let first = book.saw([Self.tool("a", 1)], isWhole: false, .approved, at: Self.now)
        #expect(first.map(\.state) == [.new] && book.waiting == [Self.name("a")])
        #expect(!Self.allows(book, "a"))
        #expect(book.approve(Self.name("a"), by: "ops", at: Self.now)?.state == .approved)
        #expect(Self.allows(book, "a") && book.waiting.isEmpty)

        #expect(book.saw([Self.tool("a", 1)], isWhole: true, .approved, at: Self.now).isEmpty)
        #expect(book.saw([Self.tool("a", 2)], isWhole: true, .approved, at: Self.now).map(\.state) == [.changed])
        #expect(!Self.allows(book, "a"))
        let pins = RoutePins(book, .approved)
        #expect(pins.shows(Self.tool("a", 1)) && !pins.shows(Self.tool("a", 2)))
        #expect(pins.isNews(Self.tool("a", 1)) && !pins.isNews(Self.tool("a", 2)))

        // As it was before.
        #expect(book.saw([Self.tool("a", 1)], isWhole: true, .approved, at: Self.now).map(\.state) == [.approved])
        #expect(Self.allows(book, "a"))
    }

    @Test func `the first use approves what was never seen, and nothing after that`() {
        var book = PinBook()
        #expect(RoutePins(book, .firstUse).shows(Self.tool("a", 1)))
        #expect(!Self.allows(book, "a", .firstUse))
        #expect(book.saw([Self.tool("a", 1)], isWhole: false, .firstUse, at: Self.now).map(\.state) == [.approved])
        #expect(Self.allows(book, "a", .firstUse))
        #expect(book.pins[Self.name("a")]?.approved?.by == "first_use")
        #expect(book.saw([Self.tool("a", 2)], isWhole: false, .firstUse, at: Self.now).map(\.state) == [.changed])
        #expect(!RoutePins(book, .firstUse).shows(Self.tool("a", 2)))
        #expect(!Self.allows(book, "a", .firstUse))
    }

    @Test func `what was rejected stays closed, and waits no more`() {
        var book = PinBook()
        book.saw([Self.tool("a", 1)], isWhole: false, .firstUse, at: Self.now)
        // Of an approved tool the approval is taken back.
        #expect(book.reject(Self.name("a"), by: "ops", at: Self.now)?.state == .rejected)
        #expect(book.waiting.isEmpty && !Self.allows(book, "a", .firstUse))
        #expect(book.reject(Self.name("a"), by: "ops", at: Self.now) == nil)
        #expect(book.saw([Self.tool("a", 1)], isWhole: true, .firstUse, at: Self.now).isEmpty)
        // Another definition is another question; the rejected one is not asked again.
        #expect(book.saw([Self.tool("a", 2)], isWhole: true, .firstUse, at: Self.now).map(\.state) == [.new])
        #expect(book.saw([Self.tool("a", 1)], isWhole: true, .firstUse, at: Self.now).map(\.state) == [.rejected])
        #expect(!Self.allows(book, "a", .firstUse))
        #expect(book.approve(Self.name("a"), by: "ops", at: Self.now)?.state == .approved)
        #expect(Self.allows(book, "a", .firstUse))
    }

    @Test func `a whole list forgets what nobody has judged, a page of one forgets nothing`() {
        var book = PinBook()
        for (tool, number) in [("kept", 1), ("refused", 2), ("idle", 3)] as [(String, UInt8)] {
            book.saw([Self.tool(tool, number)], isWhole: false, .approved, at: Self.now)
        }
        _ = book.approve(Self.name("kept"), by: "ops", at: Self.now)
        _ = book.reject(Self.name("refused"), by: "ops", at: Self.now)
        book.saw([Self.tool("other", 4)], isWhole: false, .approved, at: Self.now)
        #expect(book.pins.count == 4)
        book.saw([Self.tool("other", 4)], isWhole: true, .approved, at: Self.now)
        #expect(book.pins.keys.sorted().map(\.description) == ["kept", "other", "refused"])
        #expect(Self.allows(book, "kept"))
    }

    @Test func `of two definitions in one list the one that is not approved counts`() {
        var book = PinBook()
        book.saw([Self.tool("a", 1)], isWhole: false, .firstUse, at: Self.now)
        let pins = RoutePins(book, .firstUse)
        for order in [[1, 2], [2, 1]] as [[UInt8]] {
            var seen = SeenTools()
            for number in order {
                let hasRoom = seen.note(Self.tool("a", number), among: pins)
                #expect(hasRoom)
            }
            #expect(seen.all == [Self.tool("a", 2)] && seen.news(to: pins) == seen.all)
        }
    }

    @Test func `tools whose names look alike are tools of their own`() {
        var book = PinBook()
        book.saw([Self.tool("caf\u{e9}", 1)], isWhole: false, .firstUse, at: Self.now)
        #expect(Self.allows(book, "caf\u{e9}") && !Self.allows(book, "cafe\u{301}") && !Self.allows(book, "café "))
        book.saw([Self.tool("cafe\u{301}", 2)], isWhole: false, .approved, at: Self.now)
        #expect(book.pins.count == 2 && !Self.allows(book, "cafe\u{301}"))
        for odd in ["", " a", "a ", "a\u{200b}", "a\n", "ａ", String(repeating: "a", count: 513)] {
            #expect(ToolName(odd) == nil, "\(odd)")
        }
    }

    @Test func `beyond its bound a book takes no tool, and the first use approves none`() {
        var book = PinBook()
        let tools = (0..<PinBook.maximumTools).map { Self.tool("t\($0)", 1) }
        book.saw(tools, isWhole: false, .firstUse, at: Self.now)
        #expect(book.isFull)
        book.saw([Self.tool("more", 1)], isWhole: false, .firstUse, at: Self.now)
        #expect(book.pins.count == PinBook.maximumTools && !Self.allows(book, "more", .firstUse))
        #expect(!RoutePins(book, .firstUse).shows(Self.tool("more", 1)))
        var seen = SeenTools()
        let noted = tools.filter { seen.note($0, among: .empty) }
        let hasRoom = seen.note(Self.tool("more", 1), among: .empty)
        #expect(noted.count == PinBook.maximumTools && !hasRoom)
    }

    @Test func `a book is read as it was written, and nothing else is one`() {
        var book = PinBook()
        for number in 1...9 as ClosedRange<UInt8> {
            book.saw([Self.tool("t\(number)", number)], isWhole: false, .firstUse, at: Self.now)
        }
        book.saw((2...6).map { Self.tool("t\($0)", 20) }, isWhole: false, .firstUse, at: Self.now)
        _ = book.approve(Self.name("t3"), by: "ops@example.com", at: Self.now)
        _ = book.reject(Self.name("t4"), by: "ops", at: Self.now)
        _ = book.reject(Self.name("t9"), by: "ops", at: Self.now)
        let bytes = book.encoded
        func decoded(_ bytes: [UInt8]) -> PinBook? { bytes.withUnsafeBytes { PinBook(decoding: $0) } }
        #expect(decoded(bytes) == book)
        #expect(decoded(PinBook().encoded) == PinBook())
        #expect(decoded([]) == nil && decoded([2]) == nil)
        var whole = 0
        for count in 0..<bytes.count where decoded(Array(bytes[..<count])) != nil { whole += 1 }
        // After each tool but the last, and before the first.
        #expect(whole == 9)
        var twice = bytes
        twice += bytes.dropFirst()
        #expect(decoded(twice) == nil)
    }
}
