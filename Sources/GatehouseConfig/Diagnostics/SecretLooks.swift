internal import GatehouseCore
internal import YAMLReader

/// Finds what looks like a secret, so that no diagnostic quotes one that was put where none belongs.
enum SecretLooks {
    /// Lines looked at, upwards, for the key that a broken line belongs to.
    private static let maximumParents = 50

    // Bytes, because `String.contains(_: String)` makes a table of its pattern each time, and a file of a thousand routes has ten thousand names.
    private static let words = ["secret", "password", "passwd", "passphrase", "credential", "authorization", "cookie"]
        .map { Array($0.utf8) }
    private static let endings = ["apikey", "_key", "_keys", "_token", "token"].map { Array($0.utf8) }

    /// Whether what a key or header of this name holds is probably a secret.
    static func isSecretName(_ name: String) -> Bool {
        let folded = name.utf8.map { $0 == 0x2D ? 0x5F : $0.lowercasedASCII }
        return words.contains { word in folded.indices.contains { folded[$0...].starts(with: word) } }
            || endings.contains { folded.suffix($0.count).elementsEqual($0) } || folded.elementsEqual("key".utf8)
    }

    /// How vendors begin theirs.
    private static let beginnings = [
        "sk-", "sk_", "pk_", "rk_", "ghp_", "gho_", "ghs_", "ghu_", "github_pat_", "glpat-", "glsa_", "xoxb-", "xoxp-",
        "ntn_",
        "secret_", "ATATT", "AKIA", "AIza", "eyJ", "dop_v1_", "npm_", "pypi-", "hvs.",
    ]
    /// Characters from which on a run of letters and digits is taken for one.
    private static let secretLength = 20

    /// Whether a header's value is probably a secret, by how it begins or because it holds a long run of letters and digits. An identifier in the
    /// form of a UUID (RFC 9562) is none.
    static func isSecretValue(_ value: String) -> Bool {
        guard hasLongWord(value) else { return false }
        let words = value.split { !$0.isASCII || !($0.isLetter || $0.isNumber || "-_.+/=".contains($0)) }
        return words.contains { word in
            if beginnings.contains(where: { word.hasPrefix($0) && word.utf8.count >= $0.utf8.count + leastRest }) {
                return true
            }
            guard word.utf8.count >= secretLength,
                word.wholeMatch(of: #/[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}/#) == nil
            else { return false }
            let runs = word.split { "-_./".contains($0) }
            return runs.contains { run in
                run.utf8.count >= secretLength && run.contains(where: \.isNumber) && run.contains(where: \.isLetter)
            }
        }
    }

    /// Whether there is a word of the least length that counts: most values have none, and characters are slow to look at.
    private static func hasLongWord(_ value: String) -> Bool {
        var length = 0
        for byte in value.utf8 {
            let isOfWord = byte.isASCIILetter || byte.isASCIIDigit || "-_.+/=".utf8.contains(byte)
            length = isOfWord ? length + 1 : 0
            if length == leastLength { return true }
        }
        return false
    }

    /// Bytes behind a beginning.
    private static let leastRest = 7
    private static let leastLength = min(secretLength, beginnings.map(\.utf8.count).min()! + leastRest)

    /// The byte ranges of literals under keys with such names, wherever in the tree: also under unknown keys.
    static func ranges(in node: YAMLNode) -> [Range<Int>] {
        var found: [Range<Int>] = []
        // The same few keys, a thousand times. Strings are equal as characters, so that another spelling could answer for a name in ASCII.
        var names: [String: Bool] = [:]
        func isSecretKey(_ key: String) -> Bool {
            guard key.utf8.allSatisfy({ $0 < 0x80 }) else { return isSecretName(key) }
            if let known = names[key] { return known }
            let isSecret = isSecretName(key)
            names[key] = isSecret
            return isSecret
        }
        func look(at node: YAMLNode, isSecret: Bool) {
            switch node.content {
            case .refused: break
            case .scalar(let scalar):
                guard isSecret, !scalar.text.isEmpty, !scalar.text.contains("{") else { return }
                found.append(node.span.start.offset..<node.span.end.offset)
            case .sequence(let items):
                for item in items { look(at: item, isSecret: isSecret) }
            case .mapping(let entries):
                for entry in entries {
                    let isSource = isSecret && (entry.key == "env" || entry.key == "file")
                    look(at: entry.value, isSecret: (isSecret && !isSource) || isSecretKey(entry.key))
                }
            }
        }
        look(at: node, isSecret: false)
        return found
    }

    /// The byte ranges in one line that look like secrets: a password in a URL; and, when there is no tree to go by, whatever
    /// follows a key with such a name.
    static func ranges(in bytes: [UInt8], line: Range<Int>, isParsed: Bool) -> [Range<Int>] {
        var found = passwords(in: bytes, line)
        guard !isParsed else { return found }
        if let value = value(in: bytes, line) {
            found.append(value)
        } else if isUnderSecretKey(bytes, line) {
            found.append(line)
        }
        return found
    }

    /// `PASSWORD` of `scheme://user:PASSWORD@host`.
    private static func passwords(in bytes: [UInt8], _ line: Range<Int>) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var index = line.lowerBound
        while index + 3 <= line.upperBound {
            guard bytes[index] == 0x3A, bytes[index + 1] == 0x2F, bytes[index + 2] == 0x2F else {
                index += 1
                continue
            }
            let start = index + 3
            let stop =
                bytes[start..<line.upperBound].firstIndex { $0 <= 0x20 || $0 == 0x22 || $0 == 0x27 } ?? line.upperBound
            if let at = bytes[start..<stop].lastIndex(of: 0x40), let colon = bytes[start..<at].firstIndex(of: 0x3A),
                !bytes[(colon + 1)..<at].starts(with: [0x24, 0x7B]), colon + 1 < at
            {
                found.append(colon + 1..<at)
            }
            index = max(stop, start)
        }
        return found
    }

    /// The text behind the first key with such a name, whatever it is: without a tree a literal cannot be recognised.
    private static func value(in bytes: [UInt8], _ line: Range<Int>) -> Range<Int>? {
        var word: [UInt8] = []
        for index in line {
            let byte = bytes[index]
            if byte == 0x3A, isSecretName(String(decoding: word, as: UTF8.self)) {
                let value = bytes[(index + 1)..<line.upperBound]
                return value.contains { $0 > 0x20 } ? index + 1..<line.upperBound : nil
            }
            if byte.isASCIILetter || byte.isASCIIDigit || byte == 0x2D || byte == 0x5F {
                word.append(byte)
            } else if byte != 0x22, byte != 0x27 {
                word = []
            }
        }
        return nil
    }

    private static func isUnderSecretKey(_ bytes: [UInt8], _ line: Range<Int>) -> Bool {
        func indent(_ line: Range<Int>) -> Int { bytes[line].prefix { $0 == 0x20 || $0 == 0x2D }.count }
        var depth = indent(line) + 1
        var end = line.lowerBound - 1
        for _ in 0..<maximumParents where end > 0 {
            var start = end
            while start > 0, bytes[start - 1] != 0x0A { start -= 1 }
            let parent = start..<end
            end = start - 1
            guard !parent.isEmpty, indent(parent) < depth else { continue }
            depth = indent(parent)
            let text = bytes[parent]
            guard let colon = text.lastIndex(of: 0x3A) else { continue }
            let word = text[..<colon].reversed().prefix { $0.isTokenCharacter }.reversed()
            if isSecretName(String(decoding: word, as: UTF8.self)) { return true }
        }
        return false
    }
}
