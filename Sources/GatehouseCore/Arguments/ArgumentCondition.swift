/// The values that a ruled argument may have.
package enum ArgumentCondition: Hashable, Sendable {
    /// One of these.
    case oneOf([Literal])
    /// A number between two, or beyond one.
    case within(minimum: PlainNumber?, maximum: PlainNumber?)

    package enum Literal: Hashable, Sendable {
        case text(ArgumentPattern)
        case number(PlainNumber)
        case boolean(Bool)
    }

    /// - Parameter text: UTF-8, escapes resolved.
    func admits(_ text: UnsafeRawBufferPointer) -> Bool {
        guard case .oneOf(let literals) = self else { return false }
        return literals.contains { if case .text(let pattern) = $0 { pattern.matches(text) } else { false } }
    }

    func admits(_ number: PlainNumber) -> Bool {
        switch self {
        case .oneOf(let literals):
            literals.contains { if case .number(let other) = $0 { number.equals(other) } else { false } }
        case .within(let minimum, let maximum):
            minimum.map { $0.isAtMost(number) } ?? true && maximum.map { number.isAtMost($0) } ?? true
        }
    }

    func admits(_ isTrue: Bool) -> Bool {
        guard case .oneOf(let literals) = self else { return false }
        return literals.contains(.boolean(isTrue))
    }

    /// Whether everything that another condition admits is admitted by this one, as far as it can be seen without trying.
    package func covers(_ other: ArgumentCondition) -> Bool {
        switch (self, other) {
        case (.oneOf(let mine), .oneOf(let others)):
            others.allSatisfy { other in
                mine.contains { literal in
                    if case (.text(let wide), .text(let narrow)) = (literal, other) {
                        return wide.glob.covers(narrow.glob)
                    }
                    return literal == other
                }
            }
        case (.within(let minimum, let maximum), .within(let lower, let upper)):
            (minimum.map { minimum in lower.map { minimum.isAtMost($0) } ?? false } ?? true)
                && (maximum.map { maximum in upper.map { $0.isAtMost(maximum) } ?? false } ?? true)
        case (.within, .oneOf(let others)):
            others.allSatisfy { if case .number(let number) = $0 { admits(number) } else { false } }
        case (.oneOf, .within): false
        }
    }
}

extension ArgumentCondition: CustomStringConvertible {
    /// Much as a file writes it.
    package var description: String {
        switch self {
        case .oneOf(let literals): "[\(literals.map(\.description).joined(separator: ", "))]"
        case .within(let minimum, let maximum):
            "{ "
                + [minimum.map { "min: \($0)" }, maximum.map { "max: \($0)" }].compactMap { $0 }
                .joined(separator: ", ") + " }"
        }
    }
}

extension ArgumentCondition.Literal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .text(let pattern): pattern.glob.pattern
        case .number(let number): number.description
        case .boolean(let isTrue): isTrue ? "true" : "false"
        }
    }
}
