internal import GatehouseCore
internal import NIOCore

/// Looks for secrets in the body of one response, and puts other bytes in their place or stops.
struct ReflectionGuard: ~Copyable {
    let mode: Reflection
    private let secrets: SecretPatterns
    private var scan: ReflectionScan
    /// Whether a secret has come.
    private(set) var isReflecting = false

    /// The text that a client gets in place of a secret, which is as long: the body keeps the length that its head states.
    ///
    /// - Parameter count: bytes of the secret in the form in which it came.
    static func replacement(_ count: Int) -> ByteBuffer {
        let text: StaticString = "[redacted]"
        var replacement = ByteBuffer()
        replacement.writeStaticString(text)
        replacement.writeRepeatingByte(0x2A, count: max(0, count - text.utf8CodeUnitCount))
        return replacement.getSlice(at: 0, length: count) ?? replacement
    }

    init(_ secrets: SecretPatterns, _ mode: Reflection) {
        self.mode = mode
        self.secrets = secrets
        scan = ReflectionScan(secrets)
    }

    /// Whether nothing more may pass.
    var isCut: Bool { isReflecting && mode == .block }

    mutating func pass(_ bytes: ByteBuffer, into payload: inout PassingPayload) {
        var found = false
        let isBlocking = mode == .block
        bytes.withUnsafeReadableBytes { received in
            scan.pass(received) { piece in
                if case .secret = piece { found = true }
                guard !found || !isBlocking else { return }
                Self.put(piece, of: bytes, into: &payload)
            }
        }
        if found { isReflecting = true }
    }

    mutating func finish(into payload: inout PassingPayload) {
        var found = false
        scan.finish { piece in
            if case .secret = piece { found = true }
            Self.put(piece, of: ByteBuffer(), into: &payload)
        }
        if found { isReflecting = true }
    }

    private static func put(_ piece: ReflectionScan.Piece, of bytes: ByteBuffer, into payload: inout PassingPayload) {
        switch piece {
        case .passed(let range):
            let slice = bytes.getSlice(at: bytes.readerIndex + range.lowerBound, length: range.count)
            if let slice { payload.take(slice) }
        case .held(let held): payload.take(ByteBuffer(bytes: held))
        case .secret(let count): payload.take(replacement(count))
        }
    }

    /// Whole lines without the secrets in them.
    mutating func cleaned(_ lines: ByteBuffer) -> ByteBuffer {
        guard lines.readableBytes > 0, let clean = Self.cleaned(lines.readableBytesView, of: secrets) else {
            return lines
        }
        isReflecting = true
        return clean
    }

    /// Bytes of which none follow, without the secrets in them; nil when there are none.
    static func cleaned(_ bytes: ByteBufferView, of secrets: SecretPatterns) -> ByteBuffer? {
        bytes.withUnsafeBytes { received in
            var scan = ReflectionScan(secrets)
            var isClean = true
            var clean = ByteBuffer()
            func take(_ piece: ReflectionScan.Piece) {
                switch piece {
                case .passed(let range) where range.count == received.count: break
                case .passed(let range): clean.writeBytes(received[range])
                case .held(let held): clean.writeBytes(held)
                case .secret(let count):
                    isClean = false
                    clean.writeImmutableBuffer(replacement(count))
                }
            }
            scan.pass(received, take)
            scan.finish(take)
            return isClean ? nil : clean
        }
    }
}
