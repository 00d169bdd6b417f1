/// Finds ruled arguments again in arguments that have passed the rules: every ruled member stands there once, under its own name.
extension ArgumentRules {
    /// Whether a header field that repeats an argument says what each ruled argument of that name has. One that repeats an argument without rules
    /// may say anything.
    ///
    /// - Parameters:
    ///   - token: the name that the field gives the argument.
    ///   - equals: whether the field's value is the text of a value.
    package func agrees(
        _ token: UnsafeRawBufferPointer,
        with arguments: UnsafeRawBufferPointer,
        equals: (RuledArgument) -> Bool
    ) -> Bool {
        let token = Self.parts(JSONString(bytes: token, range: 0..<token.count, hasEscapes: false))
        for level in levels {
            for member in level.members where token == member.folded.filter(Self.isPart) {
                guard case .rule(let rule) = member.next,
                    let value = RuledArgument(at: rules[rule].path, in: arguments), equals(value)
                else { return false }
            }
        }
        return true
    }

    /// The letters and digits of a name. Field names have `-` where the names of arguments have `_` or nothing.
    private static func parts(_ name: JSONString) -> [UInt8] {
        var bytes = FoldedBytes(name)
        var parts: [UInt8] = []
        while let byte = bytes.next() { if isPart(byte) { parts.append(byte) } }
        return parts
    }

    private static func isPart(_ byte: UInt8) -> Bool { byte != 0x2D && byte != 0x2E && byte != 0x5F }
}

/// A value that one header field can repeat.
package enum RuledArgument {
    case text(JSONString)
    /// A number or a truth value, as it is written.
    case written(UnsafeRawBufferPointer)

    /// Nil for a value that has no such form, or none there.
    init?(at path: MemberPath, in arguments: UnsafeRawBufferPointer) {
        do throws(JSONFault) {
            var scanner = try JSONScanner(arguments)
            for name in path.names {
                guard scanner.next == .object else { return nil }
                try scanner.beginObject()
                while let member = try scanner.nextMember(), !member.equals(name) { try scanner.skipUnread() }
            }
            switch scanner.next {
            case .string: self = .text(try scanner.string())
            case .number, .bool: self = .written(scanner.scanned(try scanner.skip()))
            case .object, .array, .null, nil: return nil
            }
        } catch { return nil }
    }
}

extension JSONString {
    /// Whether a lenient reader could take it for a name, which is given as ``FoldedBytes`` has it.
    func folds(to folded: [UInt8]) -> Bool {
        var bytes = FoldedBytes(self)
        for byte in folded where bytes.next() != byte { return false }
        return bytes.next() == nil
    }

    /// Whether some reader could fold it to a name in which it holds letters that are folded into others: ligatures, full width, sharp s. What they
    /// become is not asked, only whether the rest of it stands in the name in its order.
    func mayFold(to folded: [UInt8]) -> Bool {
        var bytes = FoldedBytes(self)
        var rest = folded[...]
        while let byte = bytes.next() {
            guard let place = rest.firstIndex(of: byte) else { return false }
            rest = rest[(place + 1)...]
        }
        return true
    }
}
