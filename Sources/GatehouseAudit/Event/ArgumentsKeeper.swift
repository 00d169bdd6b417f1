internal import Crypto
internal import FoundationEssentials
internal import GatehouseCore

/// Keeps of the arguments of a call what the operator chose.
struct ArgumentsKeeper: Sendable {
    /// Bytes of arguments that are recorded; of longer ones so many, and their whole length. The digest covers all.
    static let maximumRecorded = 16 << 10
    /// Bytes that sealing adds: the length of the whole, a nonce and a tag.
    static let overhead = 4 + 12 + 16

    /// Keyed: digests of arguments that are easily guessed reveal nothing without the key.
    private let digest: KeyedHash
    private let sealing: SymmetricKey?

    init(_ keys: AuditKeys, records: Bool) {
        digest = KeyedHash(keys.digest.current)
        sealing = records ? Self.key(keys.sealing.current) : nil
    }

    /// Bytes of room that an event needs beyond ``EventEncoder/plainLength``.
    @inline(__always) func room(for arguments: UnsafeRawBufferPointer) -> Int {
        arguments.count > 0 && sealing != nil ? Self.overhead + min(arguments.count, Self.maximumRecorded) : 0
    }

    func digest(_ arguments: UnsafeRawBufferPointer, into fields: inout FieldWriter) {
        withUnsafeTemporaryAllocation(byteCount: KeyedHash.length, alignment: 8) { code in
            guard let place = code.baseAddress else { return }
            digest.code(over: arguments, to: place)
            fields.hex(.argumentsDigest, UnsafeRawBufferPointer(code))
        }
    }

    /// Writes nonce, cipher text and tag; nothing when arguments are not recorded.
    ///
    /// AES-256-GCM, bound to the event: sealed arguments that are moved to another row do not open there.
    func seal(
        _ arguments: UnsafeRawBufferPointer,
        of id: EventID,
        _ requestID: RequestID,
        into fields: inout FieldWriter
    ) {
        guard let sealing else { return }
        let kept = arguments.prefix(Self.maximumRecorded)
        var plain = [UInt8]()
        plain.reserveCapacity(4 + kept.count)
        withUnsafeBytes(of: UInt32(clamping: arguments.count).littleEndian) { plain.append(contentsOf: $0) }
        plain.append(contentsOf: kept)
        // Fails for a key of the wrong length only, and ours has the right one.
        let sealed = try? AES.GCM.seal(plain, using: sealing, authenticating: Self.binding(id, requestID)).combined
        _ = sealed?.withUnsafeBytes { fields.stored(.argumentsSealed, $0) }
    }

    private static func key(_ secret: Secret) -> SymmetricKey { secret.withUnsafeBytes { SymmetricKey(data: $0) } }

    fileprivate static func binding(_ id: EventID, _ requestID: RequestID) -> [UInt8] {
        [id.high, id.low, requestID.high, requestID.low].flatMap { word in
            withUnsafeBytes(of: word.bigEndian) { Array($0) }
        }
    }
}

/// The arguments of one call, opened.
package struct RevealedArguments: Sendable {
    /// The arguments as they were written; the beginning of them when they were longer than is recorded.
    package let bytes: [UInt8]
    /// How many they were.
    package let length: Int
}

extension AuditEvent {
    /// Opens the arguments that were recorded with this event.
    ///
    /// - Returns: nil when none were recorded.
    /// - Throws: `.unreadable` when no key opens them: it is gone, or the row was changed.
    package func arguments(with keys: AuditKeys) throws(AuditError) -> RevealedArguments? {
        guard case .sealed(let sealed) = self[.argumentsSealed] else { return nil }
        let binding = ArgumentsKeeper.binding(id, requestID)
        for key in keys.sealing.all + keys.sealing.ended.map(\.key) {
            let key = key.withUnsafeBytes { SymmetricKey(data: $0) }
            guard let box = try? AES.GCM.SealedBox(combined: sealed),
                let plain = try? AES.GCM.open(box, using: key, authenticating: binding), plain.count >= 4
            else { continue }
            let length = plain.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
            return RevealedArguments(bytes: Array(plain.dropFirst(4)), length: length)
        }
        throw AuditError(.unreadable, "no key of this configuration opens the arguments of event \(id)")
    }
}
