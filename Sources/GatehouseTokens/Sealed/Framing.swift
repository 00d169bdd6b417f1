internal import GatehouseCore

/// An unambiguous text of fields, as authenticated data: each is a 4-byte big-endian length and its bytes. Numbers are 8 bytes, big-endian; an
/// absent one is a field of length 0.
struct Framing: ~Copyable {
    private var written = SecretBuilder()

    var bytes: [UInt8] { written.withUnsafeBytes { Array($0) } }
    /// The bytes of fields among which is a secret.
    var secret: Secret { written.secret }

    init() {}

    /// - Parameter prefix: what stands before the fields.
    init(after prefix: [UInt8]) { written.append(contentsOf: prefix) }

    mutating func append(_ field: some Collection<UInt8>) {
        withUnsafeBytes(of: UInt32(field.count).bigEndian) { written.append(contentsOf: $0) }
        written.append(contentsOf: field)
    }

    mutating func append(_ text: String) { append(text.utf8) }

    mutating func append(_ number: Int64?) {
        guard let number else { return append([]) }
        withUnsafeBytes(of: number.bigEndian) { append($0) }
    }
}
