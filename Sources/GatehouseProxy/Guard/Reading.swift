internal import GatehouseCore

/// A place in an answer that is read as the beginning of a secret, in every form and spelling at once.
///
/// It ends when no branch is left; the longest one that came to a form's end is the occurrence. Its memory serves one place after the other.
struct Reading {
    /// One way to read the bytes so far.
    private struct Branch: Equatable {
        let form: Int
        /// The symbol that is read now or comes next.
        var symbol: Int
        /// The spelling under way, by its position among those of the symbol, or among the line ends; -1 between two symbols.
        var spelling: Int
        /// Bytes of it that have been read.
        var offset: Int
        var isBreak: Bool
    }

    private let patterns: SecretPatterns
    private var branches: [Branch] = []
    private var next: [Branch] = []
    /// Bytes that have been read.
    private(set) var count = 0
    /// Bytes of the longest occurrence so far; 0 for none.
    private(set) var found = 0
    /// Whether a form came to its end with the byte that is read now.
    private var isWhole = false

    init(_ patterns: SecretPatterns) { self.patterns = patterns }

    /// Begins anew at a byte.
    ///
    /// - Returns: false when no secret begins with it.
    mutating func begin(with byte: UInt8) -> Bool {
        guard patterns.mayBegin(with: byte) else { return false }
        count = 0
        found = 0
        branches.removeAll(keepingCapacity: true)
        for form in patterns.forms.indices {
            advance(Branch(form: form, symbol: 0, spelling: -1, offset: 0, isBreak: false), byte)
        }
        settle()
        return true
    }

    /// Whether further bytes may belong to a secret.
    var isOpen: Bool { !branches.isEmpty }

    mutating func take(_ byte: UInt8) {
        for index in branches.indices { advance(branches[index], byte) }
        settle()
    }

    private mutating func settle() {
        count += 1
        swap(&branches, &next)
        next.removeAll(keepingCapacity: true)
        if isWhole { found = count }
        isWhole = false
    }

    private mutating func advance(_ branch: Branch, _ byte: UInt8) {
        let alphabet = patterns.forms[branch.form].alphabet
        guard branch.spelling < 0 else {
            let strings = branch.isBreak ? alphabet.breaks : alphabet.spellings[symbol(branch)]
            return go(branch, strings[branch.spelling], byte)
        }
        for (index, spelling) in alphabet.spellings[symbol(branch)].enumerated() {
            var begun = branch
            begun.spelling = index
            begun.isBreak = false
            go(begun, spelling, byte)
        }
        // One line end, and not before the first symbol; an empty line ends an event.
        guard branch.symbol > 0, !branch.isBreak else { return }
        for (index, spelling) in alphabet.breaks.enumerated() {
            var begun = branch
            begun.spelling = index
            begun.isBreak = true
            go(begun, spelling, byte)
        }
    }

    private mutating func go(_ branch: Branch, _ spelling: UnsafeBufferPointer<Alphabet.Letter>, _ byte: UInt8) {
        guard spelling[branch.offset].matches(byte) else { return }
        var branch = branch
        branch.offset += 1
        if branch.offset == spelling.count {
            branch.offset = 0
            branch.spelling = -1
            if !branch.isBreak { branch.symbol += 1 }
            if branch.symbol == patterns.forms[branch.form].count {
                isWhole = true
                return
            }
        }
        if !next.contains(branch) { next.append(branch) }
    }

    private func symbol(_ branch: Branch) -> Int {
        patterns.forms[branch.form].symbols.withUnsafeBytes { Int($0[branch.symbol]) }
    }
}
