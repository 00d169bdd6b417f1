internal import GatehouseCore
internal import YAMLReader

extension Shape {
    /// A list of values of another shape, in the order of the file.
    ///
    /// - Parameter isDivisible: whether a lenient reading keeps the good ones where others are not.
    static func list<Element>(
        of element: Shape<Element>,
        minimum: Int = 0,
        wanted: String,
        isDivisible: Bool = false
    ) -> Shape where Value == [Element] {
        var shape = Shape(
            .list(element.form, minimum: minimum),
            show: { .list($0.map(element.show)) },
            decode: { node, decoding in
                guard case .sequence(let items) = node.content else {
                    if case .scalar(let scalar) = node.content, !scalar.isNull {
                        decoding.error("\(wanted) is wanted, not a single value", at: node.span, hint: "put it in [ ]")
                    } else {
                        decoding.wrongType(node, wanted: wanted)
                    }
                    return nil
                }
                guard items.count >= minimum else {
                    decoding.error("\(wanted) is wanted, not an empty one", at: node.span)
                    return nil
                }
                let decoded = items.map { element.decodeWhole($0, decoding) }
                let whole = decoded.compactMap { $0 }
                guard whole.count == items.count || isDivisible && decoding.isLenient else { return nil }
                return Decoded(value: whole.map(\.value), shown: .list(whole.map(\.shown)))
            }
        )
        shape.isDivisible = isDivisible
        return shape
    }

    /// A mapping whose keys the operator chooses; every key is parsed, too. A lenient reading keeps the good entries.
    static func table<Key, Element>(
        of element: Shape<Element>,
        wanted: String,
        keyWanted: String,
        key parse: @escaping @Sendable (String) throws(InvalidValue) -> Key
    ) -> Shape where Value == [TableEntry<Key, Element>] {
        var shape = Shape(
            .table(key: keyWanted, value: element.form),
            show: { .mapping($0.map { ($0.text, element.show($0.value)) }) },
            decode: { node, decoding in
                guard case .mapping(let entries) = node.content else {
                    decoding.wrongType(node, wanted: wanted)
                    return nil
                }
                var table: [TableEntry<Key, Element>] = []
                var shown: [(key: String, value: Shown)] = []
                for entry in entries {
                    let scalar = Scalar(
                        text: entry.key,
                        written: entry.key,
                        isSubstituted: false,
                        isPlain: false,
                        span: entry.keySpan
                    )
                    let key = decoding.parse(scalar, wanted: keyWanted, parse)
                    let value = element.decodeWhole(entry.value, decoding)
                    guard let key, let value else { continue }
                    table.append(
                        TableEntry(
                            key: key,
                            text: entry.key,
                            value: value.value,
                            keySpan: entry.keySpan,
                            span: entry.value.span
                        )
                    )
                    shown.append((entry.key, value.shown))
                }
                guard table.count == entries.count || decoding.isLenient else { return nil }
                return Decoded(value: table, shown: .mapping(shown))
            }
        )
        shape.isDivisible = true
        return shape
    }

    /// A mapping with the given keys.
    static func mapping(
        _ fields: [FieldForm],
        wanted: String,
        show: @escaping @Sendable (Value) -> Shown = { _ in .mapping([]) },
        read: @escaping @Sendable (inout Keys, Decoding) -> Value?
    ) -> Shape {
        let known = KnownKeys(fields)
        return Shape(.mapping(fields), show: show) { node, decoding in
            guard var keys = Keys(node, known, wanted: wanted, decoding), let value = read(&keys, decoding) else {
                return nil
            }
            return Decoded(value: value, shown: keys.inOrder)
        }
    }
}

/// One entry of a table, with its place for later checks.
struct TableEntry<Key: Sendable, Value: Sendable>: Sendable {
    let key: Key
    let text: String
    let value: Value
    let keySpan: YAMLSpan
    let span: YAMLSpan
}
