/// Holds the arguments of a call against rules, in one pass over their bytes and without a tree.
///
/// Arguments that readers could take for different ones pass no rule: a ruled member that stands twice, a name that a lenient reader takes for a ruled
/// one, a number that readers round, half a surrogate pair. Members that no rule names are skipped unread.
struct ArgumentReading {
    /// Bytes of a ruled text as it is written. A pattern with stars is held against each of them more than once, on an event loop.
    static let maximumText = 8 << 10
    /// Elements of a ruled array.
    static let maximumElements = 1024
    /// Bytes of a name that a denial repeats.
    static let maximumEcho = 128

    private let rules: ArgumentRules
    private var scanner: JSONScanner
    /// A bit for each rule whose argument was found and passes.
    private var passed: UInt64 = 0

    /// Why the arguments do not pass, nil when they do.
    ///
    /// - Parameter arguments: an object that was scanned before, or another JSON value; nil for none.
    static func denial(of arguments: UnsafeRawBufferPointer?, by rules: ArgumentRules) -> ArgumentDenial? {
        do throws(ArgumentDenial) {
            try read(arguments, rules)
            return nil
        } catch { return error }
    }

    private static func read(_ arguments: UnsafeRawBufferPointer?, _ rules: ArgumentRules) throws(ArgumentDenial) {
        guard let arguments else { return try ArgumentReading(nothing, rules).finish() }
        var reading = try ArgumentReading(arguments, rules)
        switch reading.scanner.next {
        case .object: try reading.level(0)
        // A client without arguments may write them so.
        case .null: break
        case .array, .string, .number, .bool, nil: throw .first(of: rules)
        }
        try reading.finish()
    }

    private static var nothing: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

    private init(_ arguments: UnsafeRawBufferPointer, _ rules: ArgumentRules) throws(ArgumentDenial) {
        self.rules = rules
        do throws(JSONFault) { scanner = try JSONScanner(arguments) } catch { throw .first(of: rules) }
    }

    private func finish() throws(ArgumentDenial) {
        for (index, rule) in rules.rules.enumerated() where passed & (1 &<< UInt64(index)) == 0 {
            throw ArgumentDenial(rule.path)
        }
    }

    // MARK: - Members

    private mutating func level(_ index: Int) throws(ArgumentDenial) {
        let level = rules.levels[index]
        var seen: UInt64 = 0
        try scan { scanner throws(JSONFault) in try scanner.beginObject() }
        while let name = try scan({ scanner throws(JSONFault) in try scanner.nextMember() }) {
            guard let position = try find(name, level) else {
                if rules.isClosed { throw ArgumentDenial(level.path, unknown: name) }
                try scan { scanner throws(JSONFault) in try scanner.skipUnread() }
                continue
            }
            let member = level.members[position]
            guard seen & (1 &<< UInt64(position)) == 0 else { throw denial(member) }
            seen |= 1 &<< UInt64(position)
            switch member.next {
            case .rule(let rule): try value(rule)
            case .level(let next):
                guard scanner.next == .object else { throw denial(member) }
                try self.level(next)
            }
        }
    }

    /// The ruled member of this name, nil for a name that no reader takes for a ruled one.
    private func find(_ name: JSONString, _ level: ArgumentRules.Level) throws(ArgumentDenial) -> Int? {
        // Folding keeps the length of what is plain.
        if !name.hasEscapes, level.lengths & ArgumentRules.Level.bit(name.range.count) == 0, name.isPlainName {
            return nil
        }
        var folded = FoldedBytes(name)
        let digest = folded.digest()
        for (position, member) in level.members.enumerated()
        where member.digest == digest && name.folds(to: member.folded) {
            guard member.name.withUnsafeBytes({ name.equals($0) }) else { throw denial(member) }
            return position
        }
        guard folded.isHidden else { return nil }
        if !name.withResolvedBytes({ $0.allSatisfy { $0 < 0x80 } || PlainName.isPlain($0) }) {
            for member in level.members where name.mayFold(to: member.folded) { throw denial(member) }
        }
        return nil
    }

    private func denial(_ member: ArgumentRules.Level.Member) -> ArgumentDenial {
        ArgumentDenial(rules.rules[member.rule].path)
    }

    // MARK: - Values

    private mutating func value(_ index: Int) throws(ArgumentDenial) {
        let rule = rules.rules[index]
        let isAdmitted: Bool
        do throws(JSONFault) { isAdmitted = try admitted(by: rule.condition) } catch { throw ArgumentDenial(rule.path) }
        guard isAdmitted else { throw ArgumentDenial(rule.path) }
        passed |= 1 &<< UInt64(index)
    }

    /// An array passes when it has elements and every one does.
    private mutating func admitted(by condition: ArgumentCondition) throws(JSONFault) -> Bool {
        guard scanner.next == .array else { return try isAdmitted(condition) }
        var count = 0
        try scanner.beginArray()
        while try scanner.nextElement() {
            count += 1
            guard count <= Self.maximumElements, try isAdmitted(condition) else { return false }
        }
        return count > 0
    }

    private mutating func isAdmitted(_ condition: ArgumentCondition) throws(JSONFault) -> Bool {
        switch scanner.next {
        case .string:
            let text = try scanner.string()
            guard !text.isEmpty, text.range.count <= Self.maximumText else { return false }
            return text.withResolvedBytes { condition.admits($0) }
        case .number: return PlainNumber(try scanner.number().raw).map { condition.admits($0) } ?? false
        case .bool: return condition.admits(try scanner.bool())
        case .object, .array, .null, nil: return false
        }
    }

    @inline(__always)
    @discardableResult
    private mutating func scan<Value>(
        _ body: (inout JSONScanner) throws(JSONFault) -> Value
    ) throws(ArgumentDenial) -> Value {
        do throws(JSONFault) { return try body(&scanner) } catch { throw .first(of: rules) }
    }
}

/// Why arguments do not pass: the argument, by its path, and never its value.
package struct ArgumentDenial: Error, Hashable, Sendable {
    /// Nil when no argument can be named.
    package let argument: String?

    init(_ path: MemberPath) { argument = path.description }

    /// A member that no rule names. Its name is the caller's own; a long one is not repeated.
    init(_ path: MemberPath, unknown name: JSONString) {
        argument =
            name.range.count <= ArgumentReading.maximumEcho ? path.appending(name.text).description : nil
    }

    init() { argument = nil }

    /// The denial of arguments that cannot be read: the first rule fails.
    static func first(of rules: ArgumentRules) -> ArgumentDenial {
        rules.rules.first.map { ArgumentDenial($0.path) } ?? ArgumentDenial()
    }
}

extension ArgumentRules {
    /// Why a call with these arguments is denied, nil when it is not.
    ///
    /// - Parameter arguments: JSON that was scanned before; nil for a call without arguments.
    package func denial(of arguments: UnsafeRawBufferPointer?) -> ArgumentDenial? {
        ArgumentReading.denial(of: arguments, by: self)
    }
}
