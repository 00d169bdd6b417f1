internal import GatehouseCore

/// The parts that OTLP's messages share, as its JSON writes them: names in lowerCamelCase, ids in hexadecimal, 64-bit numbers as text
/// (OTLP specification, "JSON Protobuf Encoding").
struct OTLPText: Sendable {
    /// The instance that is told about.
    let version: String
    let instance: String

    /// Writes one message: what it is about, and who made it.
    ///
    /// - Parameters:
    ///   - signal: `Spans` or `Metrics`, as it stands in the names of the members.
    ///   - list: writes the elements of the innermost list.
    func message(_ signal: String, _ member: String, _ list: (inout JSONText) -> Void) -> [UInt8] {
        var json = JSONText()
        json.object { json in
            json.array("resource\(signal)") { resources in
                resources.object { entry in
                    entry.object("resource") { resource in
                        resource.array("attributes") { attributes in
                            attributes.attribute("service.name", "gatehouse")
                            attributes.attribute("service.version", version)
                            attributes.attribute("service.instance.id", instance)
                        }
                    }
                    entry.array("scope\(signal)") { scopes in
                        scopes.object { entry in
                            entry.object("scope") { scope in
                                scope.string("name", "gatehouse")
                                scope.string("version", version)
                            }
                            entry.array(member, list)
                        }
                    }
                }
            }
        }
        return json.bytes
    }
}

extension JSONText {
    /// An element of a list of attributes.
    mutating func attribute(_ key: String, _ value: some StringProtocol) {
        object { entry in
            entry.string("key", key)
            entry.object("value") { $0.string("stringValue", value) }
        }
    }

    mutating func attribute(_ key: String, _ value: some BinaryInteger) {
        object { entry in
            entry.string("key", key)
            entry.object("value") { $0.string("intValue", String(value)) }
        }
    }

    /// Nanoseconds since 1970.
    mutating func nanoseconds(_ name: String, _ time: Timestamp) {
        string(name, String(UInt64(clamping: time.microseconds).multipliedReportingOverflow(by: 1000).partialValue))
    }
}
