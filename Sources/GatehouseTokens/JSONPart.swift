internal import CurlClient
internal import GatehouseCore

/// A part of JSON text that is sent. Secrets go from their own memory into the body's.
enum JSONPart {
    case text(String)
    /// A string of header-safe ASCII, as every token and credential is.
    case quoted(Secret)
    /// Text that was read from JSON.
    case verbatim(Secret)
}

extension CurlBody {
    static func json(_ parts: [JSONPart]) -> CurlBody {
        var bytes = SecretBuilder()
        for part in parts {
            switch part {
            case .text(let text): bytes.append(contentsOf: text.utf8)
            case .verbatim(let secret): bytes.append(secret)
            case .quoted(let secret):
                bytes.append(UInt8(ascii: "\""))
                secret.withUnsafeBytes { secret in
                    for byte in secret {
                        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
                        bytes.append(byte)
                    }
                }
                bytes.append(UInt8(ascii: "\""))
            }
        }
        return bytes.withUnsafeBytes { CurlBody($0) }
    }
}
