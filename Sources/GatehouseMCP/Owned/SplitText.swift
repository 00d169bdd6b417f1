/// A piece of text whose bytes come in slices and are handed on as they come: kept from slice to slice, to be known when it ends.
struct SplitText: Sendable {
    /// Bytes that are kept; of a longer text nothing is known.
    private let limit: Int
    private(set) var isOpen = false
    /// The text's start in the present slice, or the start of its continuation.
    private var start = 0
    private var kept: [UInt8] = []
    private var isTooLong = false

    init(limit: Int) { self.limit = limit }

    mutating func begin(at offset: Int) {
        (isOpen, start, isTooLong, kept) = (true, offset, false, [])
    }

    /// Continues the text in another slice.
    mutating func resume(at offset: Int) { start = offset }

    /// The slice ends.
    mutating func pause(_ bytes: UnsafeRawBufferPointer, at end: Int) {
        guard isOpen, !isTooLong else { return }
        guard kept.count + end - start <= limit else {
            isTooLong = true
            kept = []
            return
        }
        kept.append(contentsOf: bytes[start..<end])
    }

    /// Ends the text, and lends all of it unless it was too long.
    mutating func finish<Result>(
        _ bytes: UnsafeRawBufferPointer,
        at end: Int,
        _ body: (UnsafeRawBufferPointer) -> Result?
    ) -> Result? {
        guard isOpen else { return nil }
        defer { abandon() }
        if kept.isEmpty, !isTooLong {
            guard end - start <= limit else { return nil }
            return body(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
        }
        pause(bytes, at: end)
        return isTooLong ? nil : kept.withUnsafeBytes(body)
    }

    mutating func abandon() { (isOpen, kept) = (false, []) }
}
