internal import CurlClient
internal import GatehouseCore

/// The JSON that is sent.
enum InfisicalBody {
    /// An object of strings.
    ///
    /// - Parameters:
    ///   - fields: text of any kind, escaped.
    ///   - secrets: header-safe ASCII, as every token and credential is.
    ///   - metadata: the entries of `secretMetadata`; nil leaves it out.
    static func object(
        _ fields: [(String, String)],
        secrets: [(name: String, value: Secret)] = [],
        metadata: [InfisicalSecret.Metadata]? = nil
    ) -> CurlBody {
        var json = JSONText()
        json.object { json in
            for (name, value) in fields { json.string(name, value) }
            if let metadata {
                json.array("secretMetadata") { list in
                    for entry in metadata {
                        list.object { json in
                            json.string("key", entry.key)
                            json.string("value", entry.value)
                            if entry.isEncrypted { json.bool("isEncrypted", true) }
                        }
                    }
                }
            }
        }
        var parts = [JSONPart.text(String(json.text.dropLast()))]
        for (name, value) in secrets {
            parts += [.text("\(json.bytes.count == 2 && parts.count == 1 ? "" : ",")\"\(name)\":"), .quoted(value)]
        }
        return .json(parts + [.text("}")])
    }
}
