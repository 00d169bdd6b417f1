/// Finds the word that was meant.
package enum Spelling {
    /// Longer words are not compared.
    static let maximumLength = 64

    /// The candidate nearest to `word`, when it is near enough to be what was meant: one edit, or one for every three letters.
    package static func nearest(_ word: String, in candidates: [String]) -> String? {
        guard word.utf8.count <= maximumLength else { return nil }
        let folded = fold(word)
        var best: (candidate: String, distance: Int)?
        for candidate in candidates where candidate.utf8.count <= maximumLength {
            let other = fold(candidate)
            let distance = distance(folded, other)
            let reach = max(1, max(folded.count, other.count) / 3)
            if distance <= reach, distance < min(folded.count, other.count), distance < best?.distance ?? .max {
                best = (candidate, distance)
            }
        }
        return best?.candidate
    }

    /// Case and the choice of `-` or `_` are not mistakes worth a distance.
    private static func fold(_ word: String) -> [UInt8] {
        word.lowercased().utf8.map { $0 == 0x2D ? 0x5F : $0 }
    }

    /// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
    static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
        var older: [Int] = []
        var previous = Array(0...other.count)
        for i in one.indices {
            var current = [i + 1]
            for j in other.indices {
                var cost = min(previous[j + 1] + 1, current[j] + 1, previous[j] + (one[i] == other[j] ? 0 : 1))
                if i > 0, j > 0, one[i] == other[j - 1], one[i - 1] == other[j] { cost = min(cost, older[j - 1] + 1) }
                current.append(cost)
            }
            older = previous
            previous = current
        }
        return previous[other.count]
    }
}
