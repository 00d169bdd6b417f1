/// `${NAME}` and `${NAME:-default}` inside one scalar. `$${` stands for a plain `${`.
///
/// Works on values, after parsing: what a variable holds is never read as YAML and never substituted again.
struct Substitution {
    /// Bytes of a value after substitution.
    static let maximumLength = 64 << 10

    enum Failure: Error, Equatable {
        case unset(String)
        case unclosed
        case notAName
        case tooLong

        /// Repeats the name of a variable, never what it holds nor its default.
        var message: String {
            switch self {
            case .unset(let name): "the environment variable \(name) is not set"
            case .unclosed: "a '${' is not closed"
            case .notAName: "a '${…}' does not name a variable"
            case .tooLong: "the value is longer than \(Substitution.maximumLength) bytes"
            }
        }

        var hint: String? {
            switch self {
            case .unset(let name): "set it, or write ${\(name):-default}"
            case .unclosed: "write $${ for a plain '${'"
            case .notAName: "${NAME} or ${NAME:-default}; $${ for a plain '${'"
            case .tooLong: nil
            }
        }
    }

    let text: String
    /// Whether a variable, or the default of one, is part of the text.
    let isSubstituted: Bool

    /// - Parameter encode: what is made of a variable's value before it takes its place.
    init(
        _ written: String,
        _ environment: Environment,
        encode: (String) -> String = { $0 }
    ) throws(Failure) {
        guard written.utf8.contains(0x24) else {
            text = written
            isSubstituted = false
            return
        }
        var result = ""
        var isSubstituted = false
        var rest = written[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[dollar...]
            if rest.hasPrefix("$${") {
                result += "${"
                rest = rest.dropFirst(3)
            } else if rest.hasPrefix("${") {
                guard let close = rest.firstIndex(of: "}") else { throw .unclosed }
                result += encode(try Self.value(of: rest[..<close].dropFirst(2), environment))
                isSubstituted = true
                rest = rest[close...].dropFirst()
            } else {
                result += "$"
                rest = rest.dropFirst()
            }
            guard result.utf8.count <= Self.maximumLength else { throw .tooLong }
        }
        result += rest
        text = result
        self.isSubstituted = isSubstituted
    }

    /// Joins parts that were substituted one by one.
    init(_ parts: [Substitution]) {
        text = parts.map(\.text).joined()
        isSubstituted = parts.contains { $0.isSubstituted }
    }

    private static func value(of expression: Substring, _ environment: Environment) throws(Failure) -> String {
        guard let colon = expression.firstIndex(of: ":") else {
            guard Environment.isName(expression) else { throw .notAName }
            guard let value = environment[String(expression)] else { throw .unset(String(expression)) }
            return value
        }
        let name = expression[..<colon]
        let fallback = expression[colon...]
        guard Environment.isName(name), fallback.hasPrefix(":-") else { throw .notAName }
        // As in a shell: an empty variable counts as an unset one here.
        if let value = environment[String(name)], !value.isEmpty { return value }
        return String(fallback.dropFirst(2))
    }

    /// Text that, substituted, gives `text` itself.
    static func escape(_ text: String) -> String {
        guard text.utf8.contains(0x24) else { return text }
        var result = ""
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[dollar...]
            if rest.hasPrefix("${") {
                result += "$${"
                rest = rest.dropFirst(2)
            } else {
                result += "$"
                rest = rest.dropFirst()
            }
        }
        return result + rest
    }
}
