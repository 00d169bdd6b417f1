internal import GatehouseCore

/// Follows JSON as it passes, in slices of any size, and reports where the parts of JSON-RPC answers stand: errors, results, the lists in
/// results and their entries, and what is handed out to the caller. What the names mean says ``AnswerPlace``. Reads no deeper than it must;
/// whether the JSON is valid is its reader's affair.
struct AnswerWalker: Sendable {
    enum Event {
        /// The list of this kind begins behind the bracket.
        case listBegan(AnsweredList)
        /// An entry that is an object or a list begins here. Any other has no name, wherever it begins.
        case entryBegan
        /// An entry ends before here.
        case entryEnded
        /// The list ends before its bracket.
        case listEnded
        /// The text of a string begins behind its quote, or ends before it.
        case valueBegan(AnsweredValue)
        case valueEnded(AnsweredValue)
        /// The rest of the document is no message. Each further slice of it says so again.
        case foreignBegan
    }

    /// The outcome as the answer states it.
    enum Outcome: Equatable, Sendable {
        case none
        /// A result that says `isError`.
        case failedTool
        /// A JSON-RPC error with this code; nil for one whose code is no number of a few digits.
        case error(Int?)
    }

    private enum Quoted {
        case none, key, value
    }

    /// Bytes of a key that are kept: the longest name of a list, every character escaped. A longer key names nothing that must be
    /// held back.
    private static let keyLength = 102

    /// Whether what is handed out is looked for too.
    private let looksForValues: Bool
    private var place = AnswerPlace.top
    /// The places around it.
    private var outer = InlineArray<8, AnswerPlace>(repeating: .top)
    private var depth = 0
    /// The string that is passing means this.
    private var value: AnsweredValue?
    /// Brackets open inside a value that is not looked into.
    private var opaque = 0
    private var quoted = Quoted.none
    private var isEscaped = false
    private var expectsKey = false
    private var key = AnswerPlace.Key.other
    private var keyBytes = InlineArray<102, UInt8>(repeating: 0)
    private var keyCount = 0
    private var keyHasEscapes = false
    /// An entry of a list is under way that is neither object nor array.
    private var isInScalar = false
    private var code: Int?
    private var codeDigits = 0
    private var isCodeNegative = false
    private(set) var outcome = Outcome.none

    init(looksForValues: Bool) { self.looksForValues = looksForValues }

    /// Whether what passes is no message.
    var isForeign: Bool { place == .foreign }

    /// Begins anew with another document; what is known of the outcome stays.
    mutating func reset() {
        let outcome = outcome
        self = AnswerWalker(looksForValues: looksForValues)
        self.outcome = outcome
    }

    /// - Parameter event: called with each event and its offset in `bytes`.
    @inline(__always)
    mutating func walk(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ event: (Event, Int) -> Void) {
        let end = range.upperBound
        var at = range.lowerBound
        while at < end {
            if opaque > 0 {
                at = walkOpaque(bytes, at, end)
                if opaque == 0, place == .list { event(.entryEnded, at) }
            } else if quoted != .none {
                at = quoted == .key ? walkKey(bytes, at, end) : walkText(bytes, at, end)
                guard quoted == .none else { return }
                if let value {
                    self.value = nil
                    event(.valueEnded(value), at - 1)
                }
            } else {
                if place == .list {
                    walkList(bytes[at], at, event)
                } else {
                    if let list = step(bytes[at]) { event(.listBegan(list), at + 1) }
                    if let value { event(.valueBegan(value), at + 1) }
                    if place == .foreign { return event(.foreignBegan, at) }
                }
                at += 1
            }
        }
    }

    @inline(__always)
    private mutating func walkList(_ byte: UInt8, _ at: Int, _ event: (Event, Int) -> Void) {
        switch byte {
        case 0x20, 0x0A, 0x0D, 0x09: break
        case 0x2C, 0x5D:
            if isInScalar {
                isInScalar = false
                event(.entryEnded, at)
            }
            guard byte == 0x5D else { return }
            leave()
            event(.listEnded, at)
        case 0x7B, 0x5B:
            event(.entryBegan, at)
            opaque = 1
        case _:
            isInScalar = true
            if byte == 0x22 { quoted = .value }
        }
    }

    /// Takes one byte of structure outside lists; returns what a list that begins lists.
    private mutating func step(_ byte: UInt8) -> AnsweredList? {
        switch place {
        case .top:
            switch byte {
            case 0x7B: enter(.message)
            case 0x5B: enter(.batch)
            case 0x20, 0x0A, 0x0D, 0x09, 0xEF, 0xBB, 0xBF: break
            case _: place = .foreign
            }
        case .batch:
            switch byte {
            case 0x7B: enter(.message)
            case 0x5B: opaque = 1
            case 0x22: quoted = .value
            case 0x5D: leave()
            case _: break
            }
        case .taskIDs:
            switch byte {
            case 0x22: (quoted, value) = (.value, .task)
            case 0x7B, 0x5B: opaque = 1
            case 0x5D: leave()
            case _: break
            }
        case .message, .result, .taskResult, .error, .params, .filter, .meta, .relatedTask, .task: return member(byte)
        case .list, .foreign: break
        }
        return nil
    }

    private mutating func member(_ byte: UInt8) -> AnsweredList? {
        switch byte {
        case 0x22:
            quoted = expectsKey ? .key : .value
            if expectsKey {
                (keyCount, keyHasEscapes) = (0, false)
            } else if case .value(let value) = key {
                self.value = value
            }
        case 0x3A: expectsKey = false
        case 0x2C: expectsKey = true
        case 0x7B:
            guard case .object(let inner) = key else {
                opaque = 1
                break
            }
            if inner == .error { (code, codeDigits, isCodeNegative) = (nil, 0, false) }
            enter(inner)
        case 0x5B:
            switch key {
            case .list(let list):
                enter(.list)
                return list
            case .taskIDs: enter(.taskIDs)
            case _: opaque = 1
            }
        case 0x7D:
            if place == .error { outcome = .error(code.map { isCodeNegative ? -$0 : $0 }) }
            leave()
        case _: scalar(byte)
        }
        return nil
    }

    private mutating func enter(_ inner: AnswerPlace) {
        outer[depth] = place
        depth &+= 1
        place = inner
        (expectsKey, key) = (true, .other)
    }

    private mutating func leave() {
        depth &-= 1
        place = outer[depth]
        (expectsKey, key) = (false, .other)
    }

    private mutating func scalar(_ byte: UInt8) {
        switch key {
        case .isError where byte == 0x74: if outcome == .none { outcome = .failedTool }
        case .code:
            if byte == 0x2D { isCodeNegative = true }
            guard byte.isASCIIDigit else { return }
            codeDigits += 1
            code = codeDigits <= 9 ? (code ?? 0) * 10 + Int(byte - 0x30) : nil
        case _: break
        }
    }

    // MARK: - Values that are not looked into

    /// Advances to the end of a value in brackets, or of the bytes.
    private mutating func walkOpaque(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Int {
        var at = start
        if quoted != .none { at = walkText(bytes, at, end) }
        while at < end {
            let byte = bytes[at]
            at &+= 1
            if byte == 0x22 {
                quoted = .value
                at = walkText(bytes, at, end)
                continue
            }
            // `[` and `{` differ in the bit that makes a letter small, `]` and `}` too.
            switch byte | 0x20 {
            case 0x7B: opaque &+= 1
            case 0x7D:
                opaque &-= 1
                if opaque == 0 { return at }
            case _: break
            }
        }
        return end
    }

    // MARK: - Strings

    /// Advances behind the quote that ends a string, or to the end of the bytes.
    @inline(__always)
    private mutating func walkText(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Int {
        var at = start
        if isEscaped, at < end {
            isEscaped = false
            at &+= 1
        }
        while true {
            at = Self.special(bytes, at, end)
            guard at < end else { return end }
            if bytes[at] == 0x22 {
                quoted = .none
                return at &+ 1
            }
            // A backslash takes the byte behind it along, which may be in the next slice.
            at &+= 2
            guard at <= end else {
                isEscaped = true
                return end
            }
        }
    }

    private mutating func walkKey(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Int {
        var at = start
        // A key that is whole in this slice, as all but a few are, need not be put together.
        if keyCount == 0, !isEscaped {
            let close = Self.special(bytes, at, end)
            if close < end, bytes[close] == 0x22 {
                let name = JSONString(bytes: bytes, range: at..<close, hasEscapes: false)
                key = place.key(name, looksForValues: looksForValues)
                quoted = .none
                return close + 1
            }
        }
        while at < end {
            let byte = bytes[at]
            at += 1
            if isEscaped {
                isEscaped = false
                keep(byte)
            } else if byte == 0x22 {
                key = keptKey()
                quoted = .none
                return at
            } else {
                keep(byte)
                guard byte == 0x5C else { continue }
                isEscaped = true
                keyHasEscapes = true
            }
        }
        return end
    }

    /// The first quote or backslash, or the end.
    @inline(__always)
    private static func special(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Int {
        guard let base = bytes.baseAddress else { return end }
        var at = start
        while at &+ 8 <= end {
            let word = ByteWord.load(base, at)
            let marks = ByteWord.equal(word, 0x22) | ByteWord.equal(word, 0x5C)
            if marks != 0 { return at &+ ByteWord.index(marks) }
            at &+= 8
        }
        while at < end, bytes[at] != 0x22, bytes[at] != 0x5C { at &+= 1 }
        return at
    }

    private mutating func keep(_ byte: UInt8) {
        if keyCount < Self.keyLength { keyBytes[keyCount] = byte }
        keyCount += 1
    }

    private func keptKey() -> AnswerPlace.Key {
        guard keyCount <= Self.keyLength else { return .other }
        var bytes = keyBytes
        return withUnsafeBytes(of: &bytes) { bytes in
            let name = JSONString(bytes: bytes, range: 0..<keyCount, hasEscapes: keyHasEscapes)
            return place.key(name, looksForValues: looksForValues)
        }
    }
}
