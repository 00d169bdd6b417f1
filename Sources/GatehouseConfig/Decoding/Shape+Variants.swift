internal import GatehouseCore
internal import YAMLReader

/// One of the things that a mapping with a `kind` may be.
struct Variant<Value: Sendable>: Sendable {
    let kind: String
    let documentation: String
    let fields: [FieldForm]
    let read: @Sendable (inout Keys, Decoding) -> Value?

    init(
        _ kind: some RawRepresentable<String>,
        _ documentation: String,
        _ fields: [FieldForm],
        read: @escaping @Sendable (inout Keys, Decoding) -> Value?
    ) {
        self.kind = kind.rawValue
        self.documentation = documentation
        self.fields = fields
        self.read = read
    }
}

extension Shape {
    /// A mapping whose `kind` decides about its other keys.
    static func variants(
        wanted: String,
        show: @escaping @Sendable (Value) -> Shown = { _ in .mapping([]) },
        _ variants: [Variant<Value>]
    ) -> Shape {
        let kinds = variants.map(\.kind)
        let form = ValueForm.variants(variants.map { ($0.kind, $0.documentation, $0.fields) })
        return Shape(form, show: show) { node, decoding in
            guard case .mapping(let entries) = node.content else {
                decoding.wrongType(node, wanted: wanted)
                return nil
            }
            guard let entry = entries.first(where: { $0.key == "kind" }) else {
                let start = YAMLSpan(start: node.span.start, end: node.span.start)
                decoding.error("'kind' is missing", at: start, hint: "one of \(kinds.joined(separator: ", "))")
                return nil
            }
            guard let scalar = decoding.text(entry.value, wanted: "one of \(kinds.joined(separator: ", "))") else {
                return nil
            }
            guard let variant = variants.first(where: { $0.kind == scalar.text }) else {
                let nearest = Spelling.nearest(scalar.written, in: kinds)
                decoding.error(
                    "\(PlainText.echo(scalar.written)) is not one of \(kinds.joined(separator: ", "))",
                    at: scalar.span,
                    hint: nearest.map { "did you mean '\($0)'?" }
                )
                return nil
            }
            let kind = FieldForm(key: "kind", form: .choice(kinds), presence: .required, documentation: "What it is.")
            let name = "\(wanted) of kind \(variant.kind)"
            guard var keys = Keys(node, KnownKeys([kind] + variant.fields), wanted: name, decoding) else { return nil }
            keys.show("kind", .word(variant.kind))
            guard let value = variant.read(&keys, decoding) else { return nil }
            return Decoded(value: value, shown: keys.inOrder)
        }
    }
}

extension Shape {
    /// This shape, or a mapping where one stands.
    func or(mapping: Shape<Value>) -> Shape<Value> {
        Shape(.either([form, mapping.form]), show: show) { node, decoding in
            if case .mapping = node.content { mapping.decode(node, decoding) } else { decode(node, decoding) }
        }
    }
}
