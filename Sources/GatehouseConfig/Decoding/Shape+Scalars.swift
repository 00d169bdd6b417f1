internal import GatehouseCore
internal import YAMLReader

extension Shape {
    /// Text that makes a type of its own.
    ///
    /// - Parameters:
    ///   - wanted: what it should be, to say so: "a host name".
    ///   - isSensitive: shown as written, so that what a variable holds is not printed.
    static func parsed(
        wanted: String,
        isSensitive: Bool = false,
        show: @escaping @Sendable (Value) -> Shown = { .value("\($0)") },
        _ parse: @escaping @Sendable (String) throws(InvalidValue) -> Value
    ) -> Shape {
        Shape(.text(wanted: wanted), show: show) { node, decoding in
            func suggestion(insteadOf number: String) -> String? {
                do throws(InvalidValue) { _ = try parse(number) } catch { return error.suggestion }
                return nil
            }
            guard let scalar = decoding.text(node, wanted: wanted, insteadOf: suggestion(insteadOf:)),
                let value = decoding.parse(scalar, wanted: wanted, parse)
            else { return nil }
            return Decoded(value: value, shown: isSensitive ? .text(scalar.written) : show(value))
        }
    }

    /// One of some words.
    static func choice() -> Shape where Value: RawRepresentable<String> & CaseIterable {
        choice(Value.allCases.map { ($0.rawValue, $0) })
    }

    static func choice(_ words: [(word: String, value: Value)]) -> Shape where Value: RawRepresentable<String> {
        let known = words.map(\.word)
        return Shape(.choice(known), show: { .word($0.rawValue) }) { node, decoding in
            let wanted = "one of \(known.joined(separator: ", "))"
            guard let scalar = decoding.text(node, wanted: wanted) else { return nil }
            guard let value = words.first(where: { $0.word == scalar.text })?.value else {
                let nearest = Spelling.nearest(scalar.written, in: known)
                decoding.error(
                    "\(PlainText.echo(scalar.written)) is not \(wanted)",
                    at: scalar.span,
                    hint: nearest.map { "did you mean '\($0)'?" }
                )
                return nil
            }
            return Decoded(value: value, shown: .word(value.rawValue))
        }
    }
}

extension Shape where Value == Int {
    static func integer(_ range: ClosedRange<Int>) -> Shape {
        Shape(.integer(range), show: { .word("\($0)") }) { node, decoding in
            let wanted =
                range.count == 1
                ? "the number \(range.lowerBound)" : "a whole number from \(range.lowerBound) to \(range.upperBound)"
            guard let scalar = decoding.scalar(node, wanted: wanted) else { return nil }
            if scalar.isNull {
                decoding.error("the value is missing: \(wanted) is wanted", at: scalar.span)
                return nil
            }
            guard let number = Int(scalar.text), range.contains(number) else {
                decoding.error("\(PlainText.echo(scalar.written)) is not \(wanted)", at: scalar.span)
                return nil
            }
            guard scalar.isPlain || scalar.isSubstituted else {
                decoding.error(
                    "\(wanted) is wanted, not text",
                    at: scalar.span,
                    hint: "write it without quotes: \(number)"
                )
                return nil
            }
            return Decoded(value: number, shown: .word("\(number)"))
        }
    }

    static func size(_ range: ClosedRange<Int>) -> Shape {
        let wanted = "a size from \(SizeText(bytes: range.lowerBound)) to \(SizeText(bytes: range.upperBound))"
        return quantity(.size(range), wanted: wanted, show: { .word("\(SizeText(bytes: $0))") }) {
            text throws(InvalidValue) in
            let bytes = try SizeText(parsing: text).bytes
            guard range.contains(bytes) else { throw InvalidValue("\(PlainText.echo(text)) is not \(wanted)") }
            return bytes
        }
    }
}

extension Shape where Value == Bool {
    static let boolean = Shape(.boolean, show: { .word($0 ? "true" : "false") }) { node, decoding in
        let wanted = "true or false"
        guard let scalar = decoding.scalar(node, wanted: wanted) else { return nil }
        guard scalar.isPlain || scalar.isSubstituted, scalar.text == "true" || scalar.text == "false" else {
            let meant = ["yes": "true", "on": "true", "no": "false", "off": "false"][scalar.text.lowercased()]
            decoding.error(
                "\(PlainText.echo(scalar.written)) is not \(wanted)",
                at: scalar.span,
                hint: meant.map { "did you mean \($0)?" }
            )
            return nil
        }
        return Decoded(value: scalar.text == "true", shown: .word(scalar.text))
    }
}

extension Shape where Value == Duration {
    static func duration(_ range: ClosedRange<Duration>) -> Shape {
        let wanted = "a duration from \(DurationText(range.lowerBound)) to \(DurationText(range.upperBound))"
        return quantity(.duration(range), wanted: wanted, show: { .word("\(DurationText($0))") }) {
            text throws(InvalidValue) in
            let duration = try DurationText(parsing: text).duration
            guard range.contains(duration) else { throw InvalidValue("\(PlainText.echo(text)) is not \(wanted)") }
            return duration
        }
    }
}

extension Shape where Value == RouteLimits.Rate {
    static let rate = quantity(
        .rate,
        wanted: "a rate",
        show: { .word("\(RateText($0))") },
        parse: { text throws(InvalidValue) in try RateText(parsing: text).rate }
    )
}

extension Shape {
    /// A number with a unit. A bare number is reported with the unit that it lacks, not as a wrong type.
    fileprivate static func quantity(
        _ form: ValueForm,
        wanted: String,
        show: @escaping @Sendable (Value) -> Shown,
        parse: @escaping @Sendable (String) throws(InvalidValue) -> Value
    ) -> Shape {
        Shape(form, show: show) { node, decoding in
            guard let scalar = decoding.scalar(node, wanted: wanted) else { return nil }
            if scalar.isNull {
                decoding.error("the value is missing: \(wanted) is wanted", at: scalar.span)
                return nil
            }
            return decoding.parse(scalar, wanted: wanted, parse).map { Decoded(value: $0, shown: show($0)) }
        }
    }
}
