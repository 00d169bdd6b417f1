internal import GatehouseCore

/// Follows JSON as it passes, in slices of any size, and tells where the parts of JSON-RPC answers stand: errors, results, the
/// lists in results and their entries. Reads no deeper than it must; whether the JSON is valid is its reader's affair.
struct AnswerWalker: Sendable {
    enum Event {
        /// The list of this kind begins behind the bracket.
        case listBegan(Policy.TargetKind)
        /// An entry begins here, or ends before here.
        case entryBegan
        case entryEnded
        /// The list ends before its bracket.
        case listEnded
    }

    /// What was said of the outcome.
    enum Outcome: Equatable, Sendable {
        case none
        /// A result that says `isError`.
        case failedTool
        /// A JSON-RPC error with this code; nil for one whose code is no number of a few digits.
        case error(Int?)
    }

    private enum Role {
        /// Before, between and behind values.
        case top
        case batch
        case message
        case result
        case error
        case list
        /// Within text that is no message.
        case foreign
    }

    private enum Key {
        case other, result, error, tools, prompts, resources, isError, code
    }

    private enum Quoted {
        case none, key, value
    }

    /// Bytes of a key that are kept: the longest one looked for, every character escaped.
    private static let keyLength = 54

    private var role = Role.top
    private var isInBatch = false
    /// Brackets open inside a value that is not looked into.
    private var opaque = 0
    private var quoted = Quoted.none
    private var isEscaped = false
    private var expectsKey = false
    private var key = Key.other
    private var keyBytes = InlineArray<54, UInt8>(repeating: 0)
    private var keyCount = 0
    private var keyHasEscapes = false
    /// An entry of a list is under way that is neither object nor array.
    private var isInScalar = false
    private var code: Int?
    private var codeDigits = 0
    private var isCodeNegative = false
    private(set) var outcome = Outcome.none

    /// Begins anew with another document; what is known of the outcome stays.
    mutating func reset() {
        let outcome = outcome
        self = AnswerWalker()
        self.outcome = outcome
    }

    /// - Parameter event: what stands at an offset of `bytes`.
    @inline(__always)
    mutating func walk(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ event: (Event, Int) -> Void) {
        var at = range.lowerBound
        while at < range.upperBound {
            if quoted != .none {
                at = walkString(bytes, at, range.upperBound)
                if quoted == .none, role == .list, opaque == 0 { isInScalar = true }
                continue
            }
            let byte = bytes[at]
            if opaque > 0 {
                switch byte {
                case 0x22: quoted = .value
                case 0x7B, 0x5B: opaque += 1
                case 0x7D, 0x5D:
                    opaque -= 1
                    if opaque == 0, role == .list { event(.entryEnded, at + 1) }
                case _: break
                }
            } else if role == .list {
                walkList(byte, at, event)
            } else if let kind = step(byte) {
                event(.listBegan(kind), at + 1)
            }
            at += 1
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
            role = .result
            expectsKey = false
            event(.listEnded, at)
        case 0x7B, 0x5B:
            event(.entryBegan, at)
            opaque = 1
        case _:
            if !isInScalar { event(.entryBegan, at) }
            isInScalar = true
            if byte == 0x22 { quoted = .value }
        }
    }

    /// Takes one byte of structure outside lists; returns what a list that begins lists.
    private mutating func step(_ byte: UInt8) -> Policy.TargetKind? {
        switch role {
        case .top:
            switch byte {
            case 0x7B: begin(.message)
            case 0x5B: (role, isInBatch) = (.batch, true)
            case 0x20, 0x0A, 0x0D, 0x09, 0xEF, 0xBB, 0xBF: break
            case _: role = .foreign
            }
        case .batch:
            switch byte {
            case 0x7B: begin(.message)
            case 0x5B: opaque = 1
            case 0x22: quoted = .value
            case 0x5D: (role, isInBatch) = (.top, false)
            case _: break
            }
        case .message, .result, .error: return member(byte)
        case .list, .foreign: break
        }
        return nil
    }

    private mutating func member(_ byte: UInt8) -> Policy.TargetKind? {
        switch byte {
        case 0x22:
            quoted = expectsKey ? .key : .value
            if expectsKey { (keyCount, keyHasEscapes) = (0, false) }
        case 0x3A: expectsKey = false
        case 0x2C: expectsKey = true
        case 0x7B:
            switch (role, key) {
            case (.message, .result): begin(.result)
            case (.message, .error):
                begin(.error)
                (code, codeDigits, isCodeNegative) = (nil, 0, false)
            case _: opaque = 1
            }
        case 0x5B:
            guard role == .result, let kind = listed else {
                opaque = 1
                return nil
            }
            role = .list
            isInScalar = false
            return kind
        case 0x7D: end()
        case _: scalar(byte)
        }
        return nil
    }

    private var listed: Policy.TargetKind? {
        switch key {
        case .tools: .tool
        case .prompts: .prompt
        case .resources: .resource
        case .other, .result, .error, .isError, .code: nil
        }
    }

    private mutating func begin(_ new: Role) {
        role = new
        expectsKey = true
        key = .other
    }

    private mutating func end() {
        if role == .error { outcome = .error(code.map { isCodeNegative ? -$0 : $0 }) }
        role = role == .message ? (isInBatch ? .batch : .top) : .message
        (expectsKey, key) = (false, .other)
    }

    private mutating func scalar(_ byte: UInt8) {
        switch (role, key) {
        case (.result, .isError) where byte == 0x74: if outcome == .none { outcome = .failedTool }
        case (.error, .code):
            if byte == 0x2D { isCodeNegative = true }
            guard byte.isASCIIDigit else { return }
            codeDigits += 1
            code = codeDigits <= 9 ? (code ?? 0) * 10 + Int(byte - 0x30) : nil
        case _: break
        }
    }

    // MARK: - Strings

    private mutating func walkString(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Int {
        var at = start
        while at < end {
            if isEscaped {
                isEscaped = false
                if quoted == .key { keep(bytes[at]) }
                at += 1
                continue
            }
            if quoted == .value { at = Self.special(bytes, at, end) }
            guard at < end else { return end }
            let byte = bytes[at]
            at += 1
            switch byte {
            case 0x22:
                if quoted == .key { key = keptKey() }
                quoted = .none
                return at
            case 0x5C:
                isEscaped = true
                if quoted == .key {
                    keyHasEscapes = true
                    keep(byte)
                }
            case _: if quoted == .key { keep(byte) }
            }
        }
        return end
    }

    /// The first quote or backslash, or the end.
    private static func special(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Int {
        var at = start
        while end - at >= 8 {
            let word = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            guard (ByteWord.equal(word, 0x22) | ByteWord.equal(word, 0x5C)) == 0 else { break }
            at += 8
        }
        while at < end, bytes[at] != 0x22, bytes[at] != 0x5C { at += 1 }
        return at
    }

    private mutating func keep(_ byte: UInt8) {
        if keyCount < Self.keyLength { keyBytes[keyCount] = byte }
        keyCount = min(keyCount + 1, Self.keyLength + 1)
    }

    private func keptKey() -> Key {
        guard keyCount <= Self.keyLength else { return .other }
        var bytes = keyBytes
        return withUnsafeBytes(of: &bytes) { bytes in
            let text = JSONString(bytes: bytes, range: 0..<keyCount, hasEscapes: keyHasEscapes)
            if role == .message { return text == "result" ? .result : text == "error" ? .error : .other }
            if role == .error { return text == "code" ? .code : .other }
            if text == "isError" { return .isError }
            return text == "tools" ? .tools : text == "prompts" ? .prompts : text == "resources" ? .resources : .other
        }
    }
}
