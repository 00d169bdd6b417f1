internal import GatehouseCore
internal import Glibc

/// The encoded fields of the callers that one lane saw last: a caller makes many requests, and encoding one anew costs a fifth
/// of a record. Direct-mapped; a caller that meets an occupied slot takes it over.
final class CallerFields {
    static let slotCount = 64
    /// Room for the longest fields of one caller, and 8 bytes that the encoder may overwrite.
    private static let slotLength = 640

    struct Fields {
        /// `principal_kind`, `principal` and `subject`.
        let principal: UnsafeRawBufferPointer
        /// `assertion_kid`.
        let key: UnsafeRawBufferPointer
    }

    private struct Slot {
        /// The caller is retained, so that its address cannot become another's.
        var caller: Unmanaged<Caller>?
        var principalLength = 0
        var keyLength = 0
    }

    private let slots = UnsafeMutablePointer<Slot>.allocate(capacity: slotCount)
    private let bytes = UnsafeMutableRawPointer.allocate(byteCount: slotCount * slotLength, alignment: 16)

    init() { slots.initialize(repeating: Slot(), count: Self.slotCount) }

    deinit {
        for index in 0..<Self.slotCount { slots[index].caller?.release() }
        slots.deallocate()
        bytes.deallocate()
    }

    @inline(__always)
    func fields(of caller: Caller) -> Fields {
        let address = UInt64(UInt(bitPattern: Unmanaged.passUnretained(caller).toOpaque()))
        let index = Int(truncatingIfNeeded: ((address >> 4) &* 0x9E37_79B9_7F4A_7C15) >> 58)
        if slots[index].caller?.toOpaque() != Unmanaged.passUnretained(caller).toOpaque() { fill(index, caller) }
        let start = bytes + index &* Self.slotLength
        let slot = slots[index]
        return Fields(
            principal: UnsafeRawBufferPointer(start: start, count: slot.principalLength),
            key: UnsafeRawBufferPointer(start: start + slot.principalLength, count: slot.keyLength)
        )
    }

    @inline(never)
    private func fill(_ index: Int, _ caller: Caller) {
        slots[index].caller?.release()
        slots[index].caller = Unmanaged.passRetained(caller)
        let start = bytes + index * Self.slotLength
        var fields = FieldWriter(at: start)
        fields.text(.principalKind, caller.principal.kind.rawValue)
        fields.text(.principal, caller.principal.name)
        fields.text(.subject, caller.principal.subject)
        slots[index].principalLength = fields.place - start
        fields.text(.assertionKeyID, caller.keyID)
        slots[index].keyLength = fields.place - start - slots[index].principalLength
    }
}
