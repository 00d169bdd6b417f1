internal import GatehouseCore
internal import NIOCore

/// Whether an answer gives a secret back, looked at before anything of it goes to the client.
enum ReflectPhase {
    struct Result {
        /// Whether a secret stood in what has come.
        var isReflecting: Bool
        /// Why the client gets another answer.
        var refusal: Reason?
        /// Whether a body comes that is to be looked at on its way.
        var isOpen = false
    }

    /// The received bytes without the secrets in the head; nil when there are none in it.
    static func cleaned(_ received: ByteBuffer, head length: Int, of secrets: SecretPatterns) -> ByteBuffer? {
        let start = received.readerIndex
        guard let head = received.viewBytes(at: start, length: length),
            var clean = ReflectionGuard.cleaned(head, of: secrets)
        else { return nil }
        clean.writeBytes(received.readableBytesView[(start + length)...])
        return clean
    }

    /// Looks at what has come of a final answer. A body that has come as a whole is looked at here, as most answers have; a longer one is
    /// looked at as it passes.
    ///
    /// - Parameters:
    ///   - received: begins with the head. A whole body is replaced by one without the secrets.
    ///   - found: what was found in the head.
    ///   - hasBody: whether the client gets the body.
    static func look(
        at head: ResponseHead,
        _ received: inout ByteBuffer,
        for secrets: SecretPatterns,
        _ mode: Reflection,
        _ found: Result,
        _ hasBody: Bool
    ) -> Result {
        var result = found
        let blocks = mode == .block
        if blocks, found.isReflecting {
            result.refusal = .secretReflected
            return result
        }
        switch head.framing {
        case .none, .length(0): return result
        case .length, .chunked, .untilClose: break
        }
        guard hasBody else { return result }
        // Nothing can be found in a coded body. The request asked for none.
        if head.isEncoded(received.readableBytesUInt8Span) {
            result.refusal = .upstreamEncoded
            return result
        }
        if blocks, begins(with: head, received, secrets) {
            result.refusal = .secretReflected
            return result
        }
        let behind = received.readableBytes - head.length
        guard case .length(let length) = head.framing, behind >= length else {
            result.isOpen = true
            return result
        }
        let start = received.readerIndex + head.length
        guard !blocks, let body = received.viewBytes(at: start, length: length),
            let clean = ReflectionGuard.cleaned(body, of: secrets)
        else { return result }
        result.isReflecting = true
        var replaced = ByteBuffer()
        replaced.writeBytes(received.readableBytesView[..<start])
        replaced.writeImmutableBuffer(clean)
        replaced.writeBytes(received.readableBytesView[(start + length)...])
        received = replaced
        return result
    }

    /// Whether an answer that may have to be refused is not begun before some of its body is there: many servers send the two one after the other. Events
    /// come when they come.
    static func waitsForBody(_ head: ResponseHead, _ received: ByteBuffer) -> Bool {
        guard !head.isEventStream, received.readableBytes == head.length else { return false }
        return switch head.framing {
        case .none, .length(0), .untilClose: false
        case .length, .chunked: true
        }
    }

    /// Whether the part of the body that has come holds a secret.
    private static func begins(with head: ResponseHead, _ received: ByteBuffer, _ secrets: SecretPatterns) -> Bool {
        var rest = received
        rest.moveReaderIndex(forwardBy: head.length)
        var body = BodyRelay(head.framing, trailers: .response, malformed: .upstreamMalformed)
        var scan = ReflectionScan(secrets)
        var found = false
        func take(_ piece: ReflectionScan.Piece) {
            if case .secret = piece { found = true }
        }
        while true {
            let before = rest
            let step = body.take(from: &rest) { range in
                before.withUnsafeReadableBytes { scan.pass(UnsafeRawBufferPointer(rebasing: $0[range]), take) }
            }
            switch step {
            case .part: continue
            case .trailers(let lines):
                if ReflectionGuard.cleaned(lines.readableBytesView, of: secrets) != nil { found = true }
            case .more, .refused:
                if body.isComplete { scan.finish(take) }
                return found
            }
        }
    }
}
