internal import CurlClient
internal import GatehouseCore
internal import Glibc

/// The JSON that is sent. Secrets go into the body's own memory, and what is built on the way is zeroed.
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
        var bytes: [UInt8] = []
        // Room first, so that a growing array leaves no outgrown copy behind; each byte may need an escape.
        bytes.reserveCapacity(json.bytes.count + secrets.reduce(0) { $0 + 2 * $1.value.count + $1.name.utf8.count + 8 })
        bytes += json.bytes.dropLast()
        for (name, value) in secrets {
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            bytes += Array("\"\(name)\":\"".utf8)
            value.withUnsafeBytes { secret in
                for byte in secret {
                    if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
                    bytes.append(byte)
                }
            }
            bytes.append(UInt8(ascii: "\""))
        }
        bytes.append(UInt8(ascii: "}"))
        defer { bytes.withUnsafeMutableBytes { if let base = $0.baseAddress { explicit_bzero(base, $0.count) } } }
        return CurlBody(bytes)
    }
}
