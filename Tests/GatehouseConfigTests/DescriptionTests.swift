import Foundation
@testable import GatehouseConfig
import Testing

/// The schema and the reference page are made of the code and kept in the repository.
@Suite struct DescriptionTests {
    private func kept(_ path: String) throws -> String {
        try String(contentsOf: TestFiles.root.appendingPathComponent(path), encoding: .utf8)
    }

    @Test func `the schema that is kept is the code's`() throws {
        #expect(
            try kept(ConfigurationSchema.path) == ConfigurationSchema.text,
            "run deploy/generate.sh and commit what it writes"
        )
    }

    @Test func `the reference page that is kept is the code's`() throws {
        #expect(
            try kept(ConfigurationReference.path) == ConfigurationReference.text,
            "run deploy/generate.sh and commit what it writes"
        )
    }

    @Test func `every key has its place in the schema and on the page`() throws {
        let data = Data(ConfigurationSchema.text.utf8)
        let schema = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(schema["$schema"] as? String == "https://json-schema.org/draft/2020-12/schema")
        check(ConfigurationFields.all, schema, "")
    }

    private func check(_ fields: [FieldForm], _ schema: [String: Any], _ path: String) {
        let properties = schema["properties"] as? [String: Any] ?? [:]
        #expect(schema["additionalProperties"] as? Bool == false, "\(path)")
        let required = Set(schema["required"] as? [String] ?? []).subtracting(["kind"])
        for field in fields {
            let place = "\(path).\(field.key)"
            let property = properties[field.key] as? [String: Any]
            #expect(property?["description"] as? String == field.documentation, "\(place)")
            #expect(ConfigurationReference.text.contains("| `\(field.key)` | "), "\(place)")
            if case .required = field.presence {
                #expect(required.contains(field.key), "\(place)")
            } else {
                #expect(!required.contains(field.key), "\(place)")
            }
            check(field.form, property ?? [:], place)
        }
    }

    private func check(_ form: ValueForm, _ schema: [String: Any], _ path: String) {
        switch form {
        case .mapping(let fields): check(fields, schema, path)
        case .list(let element, _): check(element, schema["items"] as? [String: Any] ?? [:], path + "[]")
        case .table(_, let value): check(value, schema["additionalProperties"] as? [String: Any] ?? [:], path + ".*")
        case .variants(let variants):
            let entries = schema["oneOf"] as? [[String: Any]] ?? []
            #expect(entries.count == variants.count, "\(path)")
            for (entry, variant) in zip(entries, variants) { check(variant.fields, entry, "\(path)(\(variant.kind))") }
        case .duration, .size, .rate: #expect(schema["pattern"] is String, "\(path)")
        case .text: #expect(schema["type"] as? String == "string", "\(path)")
        case .integer, .boolean, .number, .choice: #expect((schema["anyOf"] as? [Any])?.count == 2, "\(path)")
        case .scalar: #expect((schema["type"] as? [String])?.count == 3, "\(path)")
        case .either(let forms):
            let entries = schema["anyOf"] as? [[String: Any]] ?? []
            #expect(entries.count == forms.count, "\(path)")
            for (entry, form) in zip(entries, forms) { check(form, entry, path) }
        case .secret: #expect(schema["maxProperties"] as? Int == 1, "\(path)")
        }
    }
}
