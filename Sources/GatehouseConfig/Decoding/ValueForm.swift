/// The form of a value, in words for a schema and a reference page.
package indirect enum ValueForm: Sendable {
    /// `wanted` completes "… is wanted": "a host name".
    case text(wanted: String)
    case integer(ClosedRange<Int>)
    case boolean
    /// A number of JSON, whole or with a point.
    case number
    /// A text, a number, or `true` or `false`.
    case scalar(wanted: String)
    /// A text like `30s`.
    case duration(ClosedRange<Duration>)
    /// A text like `4MiB`, in bytes.
    case size(ClosedRange<Int>)
    /// A text like `600/min`.
    case rate
    case choice([String])
    /// `{ env: NAME }` or `{ file: PATH }`.
    case secret
    case list(ValueForm, minimum: Int)
    /// A mapping whose keys the operator chooses.
    case table(key: String, value: ValueForm)
    case mapping([FieldForm])
    /// A mapping whose `kind` selects its form.
    case variants([(kind: String, documentation: String, fields: [FieldForm])])
    /// One of several forms, told apart by what stands there: a scalar, a list or a mapping.
    case either([ValueForm])
}

/// One key of a mapping, without its type.
package struct FieldForm: Sendable {
    package enum Presence: Sendable {
        case required
        case optional
        /// The default as it would be written.
        case fallback(String)
    }

    package let key: String
    package let form: ValueForm
    package let presence: Presence
    /// One line of Markdown.
    package let documentation: String
}
