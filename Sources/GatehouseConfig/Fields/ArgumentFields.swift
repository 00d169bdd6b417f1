internal import GatehouseCore
internal import YAMLReader

/// The keys of an entry of `tools` that is a mapping.
enum ToolFields {
    static let name = Field(
        "name",
        Shape<Glob>.glob(wanted: "a tool's name"),
        .required,
        "The tool; `*` for any run of characters."
    )
    static let arguments = Field(
        "arguments",
        Shape<[TableEntry<MemberPath, ArgumentCondition>]>.table(
            of: ArgumentFields.shape,
            wanted: "a mapping of arguments to the values that they may have",
            keyWanted: "a path into the arguments",
            key: MemberPath.init(parsing:)
        ),
        "Arguments that a call must have, by path (`options.dryRun`; `\\.` is a dot in a name), and their values: a list of patterns, numbers and "
            + "truth values, or `min` and `max`. An array passes when it has elements and each passes."
    )
    static let only = Field(
        "only",
        .boolean,
        .fallback(false),
        "Whether a call with other arguments than these is denied."
    )

    static let all = [name.form, arguments.form, only.form]

    static let mapping = Shape<Grant.Tool>.mapping(all, wanted: "a tool") { keys, decoding in
        let name = keys.read(name)
        let arguments = keys.read(arguments)
        let only = keys.read(only)
        guard let name, let only, !keys.isMeant(ToolFields.arguments.key) || arguments != nil else { return nil }
        let entries = arguments ?? []
        guard !entries.isEmpty || only else { return Grant.Tool(name) }
        do throws(ArgumentRules.Conflict) {
            let rules = try ArgumentRules(entries.map { ArgumentRules.Rule($0.key, $0.value) }, isClosed: only)
            return Grant.Tool(name, arguments: rules)
        } catch {
            decoding.error(error.reason.message, at: entries[error.rule].keySpan, hint: error.reason.suggestion)
            return nil
        }
    }

    /// A tool by its name alone, or with rules.
    static let shape = Shape<Grant.Tool>.toolName.or(mapping: mapping)
}

extension Shape where Value == Grant.Tool {
    fileprivate static let toolName: Shape = {
        let glob = Shape<Glob>.glob(wanted: "a tool's name")
        return Shape(glob.form, show: { glob.show($0.name) }) { node, decoding in
            glob.decode(node, decoding).map { Decoded(value: Grant.Tool($0.value), shown: $0.shown) }
        }
    }()
}

/// The values that an argument may have.
enum ArgumentFields {
    static let minimum = Field("min", Shape<PlainNumber>.plainNumber, "The least number that passes.")
    static let maximum = Field("max", Shape<PlainNumber>.plainNumber, "The greatest number that passes.")

    static let all = [minimum.form, maximum.form]

    static let bounds = Shape<ArgumentCondition>.mapping(all, wanted: "the values of an argument") { keys, decoding in
        let minimum = keys.read(minimum)
        let maximum = keys.read(maximum)
        guard !keys.isMeant(ArgumentFields.minimum.key) || minimum != nil,
            !keys.isMeant(ArgumentFields.maximum.key) || maximum != nil
        else { return nil }
        guard minimum != nil || maximum != nil else {
            decoding.error("the bounds of an argument are missing", at: keys.span, hint: "min, max or both")
            return nil
        }
        if let minimum, let maximum, !minimum.isAtMost(maximum) {
            decoding.error(
                "no number is at least \(minimum) and at most \(maximum)",
                at: keys.place(of: ArgumentFields.minimum.key)
            )
            return nil
        }
        return .within(minimum: minimum, maximum: maximum)
    }

    static let shape = Shape<ArgumentCondition>.literals.or(mapping: bounds)
}

extension Shape where Value == ArgumentCondition {
    fileprivate static let literals: Shape = {
        let list = Shape<[ArgumentCondition.Literal]>.list(of: .literal, minimum: 1, wanted: "a list of values")
        return Shape(list.form) { node, decoding in
            list.decode(node, decoding).map { Decoded(value: .oneOf($0.value), shown: $0.shown) }
        }
    }()
}

extension Shape where Value == ArgumentCondition.Literal {
    fileprivate static let literal: Shape = {
        let wanted = "a pattern, a number, or true or false"
        let glob = Shape<Glob>.glob(wanted: wanted)
        return Shape(.scalar(wanted: wanted)) { node, decoding in
            guard let scalar = decoding.scalar(node, wanted: wanted) else { return nil }
            if scalar.isBoolean {
                return Shape<Bool>.boolean.decode(node, decoding).map {
                    Decoded(value: .boolean($0.value), shown: $0.shown)
                }
            }
            if scalar.isNumber {
                return Shape<PlainNumber>.plainNumber.decode(node, decoding)
                    .map { Decoded(value: .number($0.value), shown: $0.shown) }
            }
            return glob.decode(node, decoding)
                .map { Decoded(value: .text(ArgumentPattern($0.value)), shown: $0.shown) }
        }
    }()
}

extension Shape where Value == PlainNumber {
    static let plainNumber = Shape(.number, show: { .word("\($0)") }) { node, decoding in
        let wanted = "a number"
        guard let scalar = decoding.scalar(node, wanted: wanted) else { return nil }
        if scalar.isNull {
            decoding.error("the value is missing: \(wanted) is wanted", at: scalar.span)
            return nil
        }
        guard let number = decoding.parse(scalar, wanted: wanted, PlainNumber.init(parsing:)) else { return nil }
        guard scalar.isPlain || scalar.isSubstituted else {
            decoding.error("\(wanted) is wanted, not text", at: scalar.span, hint: "write it without quotes: \(number)")
            return nil
        }
        return Decoded(value: number, shown: .word("\(number)"))
    }
}
