internal import GatehouseCore
internal import GatehouseMCP
internal import NIOCore

/// The header fields that repeat arguments of a call (2026-07-28, `x-mcp-header`), for a caller who may make it with some arguments only.
extension GatePhase {
    private static let prefix: StaticString = "mcp-param-"

    static func mirrorsArguments(
        _ body: RPCBody,
        _ bytes: UnsafeRawBufferPointer,
        _ permits: Permits,
        _ inbound: borrowing InboundBytes
    ) -> Bool {
        let received = inbound.bytes
        let head = received.readableBytesUInt8Span
        let length = prefix.utf8CodeUnitCount
        for field in inbound.head.fields
        where KnownField.hasPrefix(head, field.name.lower, field.name.count, prefix) {
            let agrees = inbound.withBytes(ByteRange(field.name.lower + length, field.name.upper)) { token in
                inbound.withBytes(field.value) { value in
                    !body.contains { !MirroredFields.agrees(argument: token, value, with: $0, by: permits, in: bytes) }
                }
            }
            guard agrees else { return false }
        }
        return true
    }
}
