/// A JSON document of another system as a tree: for the few documents that commands read. What requests carry is scanned and never made a
/// tree of.
package indirect enum JSONValue: Hashable, Sendable {
    case object([Member])
    case array([JSONValue])
    case string(String)
    /// A number as it is written.
    case number(String)
    case bool(Bool)
    case null

    package struct Member: Hashable, Sendable {
        package let name: String
        package let value: JSONValue
    }

    /// Nil when the bytes are no JSON, are nested deeper than ``JSONScanner/maximumDepth``, or name a member twice.
    package init?(parsing bytes: [UInt8]) {
        let value = bytes.withUnsafeBytes { bytes -> JSONValue? in
            do throws(JSONFault) {
                var scanner = try JSONScanner(bytes)
                let value = try Self.value(&scanner)
                try scanner.finish()
                return value
            } catch { return nil }
        }
        guard let value else { return nil }
        self = value
    }

    private static func value(_ scanner: inout JSONScanner) throws(JSONFault) -> JSONValue {
        switch scanner.next {
        case .object:
            var members: [Member] = []
            var names = JSONNames()
            try scanner.beginObject()
            while let name = try scanner.nextMember(unique: &names)?.text {
                members.append(Member(name: name, value: try value(&scanner)))
            }
            return .object(members)
        case .array:
            var elements: [JSONValue] = []
            try scanner.beginArray()
            while try scanner.nextElement() { elements.append(try value(&scanner)) }
            return .array(elements)
        case .string: return .string(try scanner.string().text)
        case .number: return .number(String(decoding: try scanner.number().raw, as: UTF8.self))
        case .bool: return .bool(try scanner.bool())
        case .null, nil:
            try scanner.null()
            return .null
        }
    }

    /// A member of an object; nil when there is none, and for everything that is no object.
    package subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// The elements of an array; empty for every other kind of value.
    package var elements: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }
    package var text: String? { if case .string(let text) = self { text } else { nil } }
    package var integer: Int? { if case .number(let text) = self { Int(text) } else { nil } }
    package var isObject: Bool { if case .object = self { true } else { false } }
}

extension JSONText {
    /// A document of another system, embedded unchanged in this one.
    package mutating func value(_ name: String? = nil, _ value: JSONValue) {
        switch value {
        case .object(let members):
            object(name) { json in for member in members { json.value(member.name, member.value) } }
        case .array(let elements): array(name) { json in for element in elements { json.value(nil, element) } }
        case .string(let text): string(name, text)
        case .number(let text): verbatim(name, text)
        case .bool(let isTrue): bool(name, isTrue)
        case .null: null(name)
        }
    }
}
