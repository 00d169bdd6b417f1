package import GatehouseCore

/// The state of a chain at one moment, signed with its key: a copy that is kept elsewhere later shows whether the log up to there is unchanged.
///
/// Its text is one word without spaces, so that it is found in the lines of any log.
package struct AuditHead: Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable, CaseIterable {
        case head
        /// Everything through this event has been pruned: the chain begins behind it.
        case checkpoint

        var purpose: ChainKey.Purpose { self == .head ? .head : .checkpoint }
        var mark: String { self == .head ? "gh-head-1" : "gh-checkpoint-1" }
    }

    package let kind: Kind
    package let writer: String
    package let sequence: Int64
    package let hash: [UInt8]
    package let at: Timestamp
    package let signature: [UInt8]

    package init(
        kind: Kind,
        writer: String,
        sequence: Int64,
        hash: [UInt8],
        at: Timestamp,
        signature: [UInt8]
    ) {
        self.kind = kind
        self.writer = writer
        self.sequence = sequence
        self.hash = hash
        self.at = at
        self.signature = signature
    }

    package init(
        signing kind: Kind,
        of writer: String,
        _ sequence: Int64,
        _ hash: [UInt8],
        at: Timestamp,
        keys: ChainKeys
    ) {
        self.init(
            kind: kind,
            writer: writer,
            sequence: sequence,
            hash: hash,
            at: at,
            signature: Self.sign(kind, writer, sequence, hash, at, keys.current)
        )
    }

    /// Whether one of the keys has signed it, and before its end.
    package func isSigned(by keys: ChainKeys) -> Bool {
        keys.all.indices.contains { index in
            let wanted = Self.sign(kind, writer, sequence, hash, at, keys.all[index])
            return Secret(wanted) == Secret(signature) && keys.mayHaveMade(index, at: at)
        }
    }

    package var description: String {
        "\(kind.mark).\(writer).\(sequence).\(hash.hexDigits).\(at.microseconds).\(signature.hexDigits)"
    }

    private static func sign(
        _ kind: Kind,
        _ writer: String,
        _ sequence: Int64,
        _ hash: [UInt8],
        _ at: Timestamp,
        _ key: ChainKey
    ) -> [UInt8] {
        let front = ChainFront(of: writer)
        front.begin(kind.purpose, sequence)
        front.setHash(hash)
        return withUnsafeBytes(of: at.microseconds.littleEndian) { key.code(front, $0) }
    }
}

extension AuditHead {
    /// Every head and checkpoint in a text, such as a log: whatever stands around them is skipped.
    package static func all(in text: String) -> [AuditHead] {
        var found: [AuditHead] = []
        for kind in Kind.allCases {
            var rest = text[...]
            while let range = rest.firstRange(of: kind.mark + ".") {
                rest = rest[range.upperBound...]
                let word = rest.prefix { $0 == "." || $0 == "-" || $0 == "_" || $0.isLetter || $0.isNumber }
                if let head = AuditHead(kind, parsing: word) { found.append(head) }
            }
        }
        return found
    }

    /// Reads what follows the mark. A writer's name may have dots, so the numbers are taken from the end.
    private init?(_ kind: Kind, parsing word: Substring) {
        let parts = word.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 5, let sequence = Int64(parts[parts.count - 4]), sequence > 0,
            let hash = [UInt8](hexDigits: parts[parts.count - 3]), hash.count == ChainKey.codeLength,
            let micros = Int64(parts[parts.count - 2]),
            let signature = [UInt8](hexDigits: parts[parts.count - 1]), signature.count == ChainKey.codeLength
        else { return nil }
        self.init(
            kind: kind,
            writer: parts.dropLast(4).joined(separator: "."),
            sequence: sequence,
            hash: hash,
            at: Timestamp(microseconds: micros),
            signature: signature
        )
    }
}

extension [UInt8] {
    init?(hexDigits text: some StringProtocol) {
        let digits = Array(text.utf8)
        guard digits.count % 2 == 0 else { return nil }
        self = []
        reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = digits[index].hexValue, let low = digits[index + 1].hexValue else { return nil }
            append(high << 4 | low)
        }
    }
}
