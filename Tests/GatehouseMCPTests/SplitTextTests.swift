import Testing

@testable import GatehouseMCP

/// A text is the same in whatever slices it comes, and nothing once it is longer than its limit.
@Suite struct SplitTextTests {
    private static let limit = 4

    /// - Parameter slices: of the text, the last one with its end.
    private static func read(_ slices: [String], _ text: inout SplitText) -> String? {
        // What stands before the text in the first slice, and behind it in the last one, is none of it.
        for (index, slice) in slices.enumerated() {
            let isFirst = index == 0
            let bytes = Array((isFirst ? "<\(slice)" : slice).utf8)
            let found = (bytes + [0x3E]).withUnsafeBytes { buffer -> String?? in
                if isFirst { text.begin(at: 1) } else { text.resume(at: 0) }
                guard index == slices.count - 1 else {
                    text.pause(buffer, at: bytes.count)
                    return nil
                }
                return .some(text.finish(buffer, at: bytes.count) { String(decoding: $0, as: UTF8.self) })
            }
            if let found { return found }
        }
        return nil
    }

    @Test(
        arguments: [
            (["abcd"], "abcd"), ([""], ""), (["abcde"], nil), (["ab", "cd"], "abcd"),
            (["", "a", "", "bcd", ""], "abcd"),
            (["ab", "cde"], nil), (["abcde", ""], nil), (["abcd", "e", "f"], nil), (["abcde", "f"], nil),
            (["a", "bcde", ""], nil),
        ] as [([String], String?)]
    )
    func `as many bytes as its limit and no more`(slices: [String], expected: String?) {
        var text = SplitText(limit: Self.limit)
        #expect(Self.read(slices, &text) == expected)
        #expect(!text.isOpen)
        // Whatever came of it, the next one begins anew.
        #expect(Self.read(["w", "x"], &text) == "wx")
        #expect(Self.read(["y"], &text) == "y")
    }

    @Test func `one that was abandoned, or never began, ends as nothing`() {
        let bytes = Array("abc".utf8)
        bytes.withUnsafeBytes { buffer in
            var text = SplitText(limit: Self.limit)
            #expect(text.finish(buffer, at: 3) { $0.count } == nil)
            text.begin(at: 0)
            text.pause(buffer, at: 2)
            #expect(text.isOpen)
            text.abandon()
            #expect(!text.isOpen)
            text.resume(at: 0)
            #expect(text.finish(buffer, at: 3) { $0.count } == nil)
        }
        var text = SplitText(limit: Self.limit)
        bytes.withUnsafeBytes { buffer in
            text.begin(at: 0)
            text.pause(buffer, at: 2)
            text.abandon()
        }
        #expect(Self.read(["d"], &text) == "d")
    }
}
