/// The rules of one entry of `tools` about the arguments of its calls: which of them must be there, and with which values.
package struct ArgumentRules: Hashable, Sendable {
    /// Rules of one entry.
    package static let maximumRules = 64

    package struct Rule: Hashable, Sendable {
        package let path: MemberPath
        package let condition: ArgumentCondition

        package init(_ path: MemberPath, _ condition: ArgumentCondition) {
            self.path = path
            self.condition = condition
        }
    }

    /// A rule that cannot stand beside the others, by its position.
    package struct Conflict: Error, Hashable {
        package let rule: Int
        package let reason: InvalidValue
    }

    package let rules: [Rule]
    /// Whether arguments that no rule names are denied.
    package let isClosed: Bool
    /// The objects in which ruled members stand; the first one is the arguments themselves.
    let levels: [Level]

    /// One object, and the members of it that matter.
    struct Level: Hashable, Sendable {
        struct Member: Hashable, Sendable {
            let name: [UInt8]
            /// The name as ``FoldedBytes`` has it.
            let folded: [UInt8]
            let digest: UInt64
            let next: Next
            /// The first rule that speaks of the member or of something in it.
            let rule: Int
        }

        enum Next: Hashable, Sendable {
            case rule(Int)
            case level(Int)
        }

        let path: MemberPath
        var members: [Member] = []
        /// A bit for each length of a folded name; all lengths from 63 on share the last.
        var lengths: UInt64 = 0

        static func bit(_ length: Int) -> UInt64 { 1 &<< UInt64(min(length, 63)) }

        fileprivate func member(_ name: String) -> Member? { members.first { $0.name.elementsEqual(name.utf8) } }

        fileprivate mutating func add(_ name: String, _ folded: [UInt8], _ next: Next, rule: Int) {
            let name = Array(name.utf8)
            let digest = ArgumentRules.withFolded(name) { bytes in bytes.digest() }
            members.append(Member(name: name, folded: folded, digest: digest, next: next, rule: rule))
            lengths |= Self.bit(folded.count)
        }
    }

    package init(_ rules: [Rule], isClosed: Bool = false) throws(Conflict) {
        guard rules.count <= Self.maximumRules else {
            throw Conflict(
                rule: Self.maximumRules,
                reason: InvalidValue("a tool has at most \(Self.maximumRules) ruled arguments")
            )
        }
        self.rules = rules
        self.isClosed = isClosed
        var levels = [Level(path: .root)]
        for (index, rule) in rules.enumerated() {
            var level = 0
            for (depth, name) in rule.path.names.enumerated() {
                let isLast = depth == rule.path.names.count - 1
                switch (levels[level].member(name)?.next, isLast) {
                case (.level(let next), false): level = next
                case (.rule, _), (.level, true):
                    throw Conflict(
                        rule: index,
                        reason: InvalidValue(
                            "'\(rule.path)' cannot be ruled together with another path that it is part of, or that is part of it",
                            suggestion: "an argument is either a value or has members"
                        )
                    )
                case (nil, _):
                    let folded = Self.folded(name)
                    if let other = levels[level].members.first(where: { $0.folded == folded }) {
                        let text = String(decoding: other.name, as: UTF8.self)
                        throw Conflict(
                            rule: index,
                            reason: InvalidValue("'\(name)' and '\(text)' are one name to readers that fold names")
                        )
                    }
                    let next = isLast ? Level.Next.rule(index) : .level(levels.count)
                    levels[level].add(name, folded, next, rule: index)
                    guard !isLast else { break }
                    levels.append(Level(path: levels[level].path.appending(name)))
                    level = levels.count - 1
                }
            }
        }
        self.levels = levels
    }

    private static func folded(_ name: String) -> [UInt8] {
        withFolded(Array(name.utf8)) { bytes in
            var result: [UInt8] = []
            while let byte = bytes.next() { result.append(byte) }
            return result
        }
    }

    fileprivate static func withFolded<Result>(_ name: [UInt8], _ body: (inout FoldedBytes) -> Result) -> Result {
        name.withUnsafeBytes { bytes in
            var folded = FoldedBytes(JSONString(bytes: bytes, range: 0..<bytes.count, hasEscapes: false))
            return body(&folded)
        }
    }

    /// Whether every call that other rules let through is let through by these, as far as it can be seen without trying.
    package func covers(_ other: ArgumentRules) -> Bool {
        guard
            !isClosed || other.isClosed && other.rules.allSatisfy({ ruled in rules.contains { $0.path == ruled.path } })
        else { return false }
        return rules.allSatisfy { mine in
            other.rules.contains { $0.path == mine.path && mine.condition.covers($0.condition) }
        }
    }
}
