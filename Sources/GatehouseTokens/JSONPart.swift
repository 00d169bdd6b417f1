internal import CurlClient
internal import GatehouseCore
internal import Glibc

/// A part of JSON text that is sent. Secrets go from their own memory into the body's, and what is built on the way is zeroed.
enum JSONPart {
    case text(String)
    /// A string of header-safe ASCII, as every token and credential is.
    case quoted(Secret)
    /// Text that was read from JSON.
    case verbatim(Secret)
}

extension CurlBody {
    convenience init(json parts: [JSONPart]) {
        var bytes: [UInt8] = []
        // Room first, so that a growing array leaves no outgrown copy behind; each byte of a string may need an escape.
        bytes.reserveCapacity(parts.reduce(0) { $0 + $1.room })
        for part in parts {
            switch part {
            case .text(let text): bytes += text.utf8
            case .verbatim(let secret): secret.withUnsafeBytes { bytes.append(contentsOf: $0) }
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
        defer { bytes.withUnsafeMutableBytes { if let base = $0.baseAddress { explicit_bzero(base, $0.count) } } }
        self.init(bytes)
    }
}

extension JSONPart {
    fileprivate var room: Int {
        switch self {
        case .text(let text): text.utf8.count
        case .quoted(let secret): 2 * secret.count + 2
        case .verbatim(let secret): secret.count
        }
    }
}
