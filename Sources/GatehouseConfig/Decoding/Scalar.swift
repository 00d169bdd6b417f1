internal import GatehouseCore
internal import YAMLReader

/// A scalar after substitution.
struct Scalar {
    let text: String
    /// The text as it is written in the file: messages and `--print` repeat it.
    let written: String
    let isSubstituted: Bool
    /// Whether the scalar has no quotes and no substitution, so that it may be a number, a truth value or null.
    let isPlain: Bool
    let span: YAMLSpan

    var isNull: Bool { isPlain && ["", "~", "null", "Null", "NULL"].contains(text) }
    var isBoolean: Bool { isPlain && ["true", "True", "TRUE", "false", "False", "FALSE"].contains(text) }

    /// Whether the core schema of YAML 1.2 reads the scalar as a number; JSON Schema checkers in editors do so, too.
    var isNumber: Bool {
        guard isPlain else { return false }
        var rest = text.utf8[...]
        if rest.first == 0x2B || rest.first == 0x2D { rest = rest.dropFirst() }
        if rest.first == 0x30, rest.count > 2, rest.dropFirst().first == 0x78 {
            return rest.dropFirst(2).allSatisfy(\.isHexDigit)
        }
        let whole = rest.prefix(while: \.isASCIIDigit)
        rest = rest.dropFirst(whole.count)
        var decimals = 0
        if rest.first == 0x2E {
            decimals = rest.dropFirst().prefix(while: \.isASCIIDigit).count
            rest = rest.dropFirst(1 + decimals)
        }
        guard whole.count + decimals > 0 else { return false }
        if rest.first == 0x65 || rest.first == 0x45 {
            rest = rest.dropFirst()
            if rest.first == 0x2B || rest.first == 0x2D { rest = rest.dropFirst() }
            guard !rest.isEmpty else { return false }
            rest = rest.drop(while: \.isASCIIDigit)
        }
        return rest.isEmpty
    }
}
