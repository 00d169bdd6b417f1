internal import GatehouseCore

/// The JSON Schema of the file, for editors. Made of the same fields that read the file; what fields say to each other
/// (`team` or `issuer`, routes that match the same requests) only `gatehouse check` knows.
package enum ConfigurationSchema {
    /// The path of the document in the project.
    package static let path = "config/gatehouse.schema.json"

    /// `${NAME}` may stand in every value.
    private static let variable = #"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"#

    package static var text: String {
        var json = JSONText()
        json.object { root in
            root.string("$schema", "https://json-schema.org/draft/2020-12/schema")
            root.string("title", "gatehouse.yaml")
            root.string("description", "The configuration of Gatehouse. `gatehouse check` says what a schema cannot.")
            members(of: ConfigurationFields.all, &root)
        }
        return json.indented
    }

    private static func members(of fields: [FieldForm], kind: String? = nil, _ json: inout JSONText) {
        json.string("type", "object")
        json.object("properties") { properties in
            if let kind { properties.object("kind") { $0.string("const", kind) } }
            for field in fields {
                properties.object(field.key) { property in
                    property.string("description", field.documentation)
                    write(field.form, &property)
                    if case .fallback(let value) = field.presence { write(fallback: value, field.form, &property) }
                }
            }
        }
        let required = fields.filter { if case .required = $0.presence { true } else { false } }.map(\.key)
        if kind != nil || !required.isEmpty {
            json.array("required") { list in
                for key in (kind == nil ? [] : ["kind"]) + required { list.string(nil, key) }
            }
        }
        json.bool("additionalProperties", false)
    }

    private static func write(_ form: ValueForm, _ json: inout JSONText) {
        switch form {
        case .text: json.string("type", "string")
        case .integer(let range):
            orVariable(&json) { number in
                number.string("type", "integer")
                number.number("minimum", range.lowerBound)
                number.number("maximum", range.upperBound)
            }
        case .boolean: orVariable(&json) { $0.string("type", "boolean") }
        case .number: orVariable(&json) { $0.string("type", "number") }
        case .scalar:
            json.array("type") { list in for type in ["string", "number", "boolean"] { list.string(nil, type) } }
        case .duration: quantity("[0-9]+(ms|s|m|h|d)", &json)
        case .size: quantity("[0-9]+(B|KiB|MiB|GiB)", &json)
        case .rate: quantity("[0-9]+/(s|min|h|d)", &json)
        case .choice(let words):
            orVariable(&json) { choice in
                choice.array("enum") { list in
                    for word in words { list.string(nil, word) }
                }
            }
        case .secret: secret(&json)
        case .list(let element, let minimum):
            json.string("type", "array")
            if minimum > 0 { json.number("minItems", minimum) }
            json.object("items") { write(element, &$0) }
        case .table(_, let value):
            json.string("type", "object")
            json.object("additionalProperties") { write(value, &$0) }
        case .mapping(let fields): members(of: fields, &json)
        case .either(let forms):
            json.array("anyOf") { list in
                for form in forms { list.object { write(form, &$0) } }
            }
        case .variants(let variants):
            json.array("oneOf") { list in
                for variant in variants {
                    list.object { entry in
                        entry.string("description", variant.documentation)
                        members(of: variant.fields, kind: variant.kind, &entry)
                    }
                }
            }
        }
    }

    private static func quantity(_ pattern: String, _ json: inout JSONText) {
        json.string("type", "string")
        json.string("pattern", "^\(pattern)$|\(variable)")
    }

    private static func orVariable(_ json: inout JSONText, _ write: (inout JSONText) -> Void) {
        json.array("anyOf") { list in
            list.object { write(&$0) }
            list.object { text in
                text.string("type", "string")
                text.string("pattern", variable)
            }
        }
    }

    private static func secret(_ json: inout JSONText) {
        json.string("type", "object")
        json.object("properties") { properties in
            properties.object("env") { variable in
                variable.string("description", "The name of an environment variable.")
                variable.string("type", "string")
                variable.string("pattern", "^[A-Za-z_][A-Za-z0-9_]*$")
            }
            properties.object("file") { file in
                file.string("description", "An absolute path; one newline at its end is trimmed.")
                file.string("type", "string")
                file.string("pattern", "^/")
            }
        }
        json.number("minProperties", 1)
        json.number("maxProperties", 1)
        json.bool("additionalProperties", false)
    }

    /// Writes the default of a single value; the defaults of a mapping are in its own fields.
    private static func write(fallback yaml: String, _ form: ValueForm, _ json: inout JSONText) {
        let text = FieldForm.Presence.plain(yaml)
        switch form {
        case .integer: if let number = Int(text) { json.number("default", number) }
        case .boolean: json.bool("default", text == "true")
        case .text, .duration, .size, .rate, .choice: json.string("default", text)
        case .number, .scalar, .secret, .list, .table, .mapping, .variants, .either: break
        }
    }
}

extension FieldForm.Presence {
    /// A single value without the quotes that YAML wants.
    static func plain(_ yaml: String) -> String {
        let line = yaml.split(separator: "\n", omittingEmptySubsequences: true).first ?? ""
        guard line.count >= 2, line.first == "\"", line.last == "\"" else { return String(line) }
        return String(line.dropFirst().dropLast())
    }
}
