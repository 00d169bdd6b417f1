internal import GatehouseCore
internal import YAMLReader

/// A type as the file writes it: the words for it, how to read it and how to show it.
struct Shape<Value: Sendable>: Sendable {
    let form: ValueForm
    /// Nil when something is wrong, which then is reported.
    let decode: @Sendable (YAMLNode, Decoding) -> Decoded<Value>?
    /// How a default is shown; what was read brings its own showing.
    let show: @Sendable (Value) -> Shown
    /// Whether a lenient reading keeps the parts without an error where others have one.
    var isDivisible = false

    init(
        _ form: ValueForm,
        show: @escaping @Sendable (Value) -> Shown = { .value("\($0)") },
        decode: @escaping @Sendable (YAMLNode, Decoding) -> Decoded<Value>?
    ) {
        self.form = form
        self.show = show
        self.decode = decode
    }
}

/// A value, and how `check --print` shows it.
struct Decoded<Value: Sendable>: Sendable {
    let value: Value
    let shown: Shown
}

/// One key of a mapping: everything there is to know about it, in one place.
struct Field<Value: Sendable>: Sendable {
    enum Presence: Sendable {
        case required
        case optional
        case fallback(Value)
    }

    let key: String
    let shape: Shape<Value>
    let isRequired: Bool
    /// The value of the key in each mapping that leaves it out, shown already.
    let fallback: Decoded<Value>?
    let documentation: String

    init(_ key: String, _ shape: Shape<Value>, _ documentation: String) {
        self.init(key, shape, .optional, documentation)
    }

    init(_ key: String, _ shape: Shape<Value>, _ presence: Presence, _ documentation: String) {
        self.key = key
        self.shape = shape
        if case .required = presence { isRequired = true } else { isRequired = false }
        if case .fallback(let value) = presence {
            fallback = Decoded(value: value, shown: shape.show(value))
        } else {
            fallback = nil
        }
        self.documentation = documentation
    }

    var form: FieldForm {
        let presence: FieldForm.Presence =
            isRequired ? .required : fallback.map { .fallback($0.shown.yaml) } ?? .optional
        return FieldForm(key: key, form: shape.form, presence: presence, documentation: documentation)
    }
}

extension Shape {
    /// Reads a value; a lenient reading takes none within which anything is wrong, be it a key that nobody knows: what it means is not sure then.
    func decodeWhole(_ node: YAMLNode, _ decoding: Decoding) -> Decoded<Value>? {
        let errors = decoding.errors
        guard let decoded = decode(node, decoding) else { return nil }
        return decoding.isLenient && !isDivisible && decoding.errors > errors ? nil : decoded
    }
}
