import Crypto
import GatehouseCore
@testable import GatehouseTokens

/// Sealed values and records: each opens in its own row of its own store, and no other bytes do, in no other row.
enum SealedTarget {
    private static let keyring = given { try MasterKeyring([MasterKey(bytes: Secret(0..<32))]) }
    private static let sealer = TokenSealer(keyring: keyring)
    private static let attestation = Attestation(keyring: keyring)
    private static let stores = [nil, StoreID(bytes: Array(0..<16)), StoreID(bytes: Array(1..<17))]
    private static let random = given {
        TokenSealer.Randomness(
            dataKey: SymmetricKey(data: Array(32..<64)),
            wrapNonce: try AES.GCM.Nonce(data: Array(64..<76)),
            nonce: try AES.GCM.Nonce(data: Array(76..<88))
        )
    }

    static func check(_ input: [UInt8]) throws(Finding) -> Bool {
        var choices = Choices(input)
        switch choices.number(4) {
        case 0: return try value(&choices)
        case 1: return try record(&choices)
        case 2: return try grant(Secret(choices.rest))
        case _:
            // What anybody can write into a row.
            let raw = Array(choices.rest)
            let row = row(&choices)
            let opened = stores.contains { (try? sealer.open(raw, in: row, of: $0)) != nil }
            try hold(!opened, "bytes open that nobody sealed")
            return SealedValue(raw) != nil
        }
    }

    private static func row(_ choices: inout Choices) -> SealedRow {
        SealedRow(
            name: text(choices.bytes(upTo: 8)),
            version: Int64(choices.byte()),
            predecessor: choices.chance() ? Int64(choices.byte()) : nil,
            createdAt: Int64(choices.byte()),
            expiresAt: choices.chance() ? Int64(choices.byte()) : nil,
            actor: text(choices.bytes(upTo: 8)),
            note: text(choices.bytes(upTo: 8))
        )
    }

    private static func value(_ choices: inout Choices) throws(Finding) -> Bool {
        let row = row(&choices)
        let store = choices.one(stores)
        var value = choices.bytes(upTo: 64)
        if value.isEmpty { value = [0] }
        let sealed = given { try sealer.seal(Secret(value), in: row, of: store, with: random) }
        try hold((try? sealer.open(sealed, in: row, of: store)) == Secret(value), "a sealed value does not open")
        let rewrapped = given { try sealer.rewrap(sealed, in: row, of: store, to: stores[1]) }
        try hold((try? sealer.open(rewrapped, in: row, of: stores[1])) == Secret(value), "rewrapped it does not open")

        var (otherRow, otherStore, otherBytes) = (row, store, sealed)
        switch choices.number(8) {
        case 0: otherStore = choices.one(stores)
        case 1: otherRow = self.row(&choices)
        // What stands behind one text is moved into the next.
        case 2: (otherRow.actor, otherRow.note) = (row.actor + row.note, "")
        case 3: (otherRow.predecessor, otherRow.expiresAt) = (row.expiresAt, row.predecessor)
        case _: choices.edit(&otherBytes)
        }
        let isSame = otherRow == row && otherStore == store && otherBytes == sealed
        let opens = (try? sealer.open(otherBytes, in: otherRow, of: otherStore)) != nil
        try hold(opens == isSame, "it opens in \(otherRow), sealed in \(row)")
        let wraps = (try? sealer.rewrap(otherBytes, in: otherRow, of: otherStore)) != nil
        try hold(!wraps || otherRow.name == row.name && otherRow.version == row.version, "another row is rewrapped")
        return true
    }

    private static func record(_ choices: inout Choices) throws(Finding) -> Bool {
        let store = choices.one(stores)
        var head = TokenHead(name: text(choices.bytes(upTo: 8)))
        head.current = Int64(choices.byte())
        head.latest = Int64(choices.byte())
        head.revision = Int64(choices.byte())
        let seal = attestation.seal(head, of: store)
        try hold((try? attestation.verify(head, seal, of: store)) != nil, "a sealed record does not verify")
        var (other, otherStore, otherSeal) = (head, store, seal)
        switch choices.number(4) {
        case 0: otherStore = choices.one(stores)
        case 1: (other.current, other.latest) = (head.latest, head.current)
        case 2: other.name = text(choices.bytes(upTo: 8))
        case _: choices.edit(&otherSeal)
        }
        let isSame = other == head && otherStore == store && otherSeal == seal
        let verifies = (try? attestation.verify(other, otherSeal, of: otherStore)) != nil
        try hold(verifies == isSame, "\(other) verifies under the seal of \(head)")
        return true
    }

    /// The form of a grant under its seal: what is read is written again as it was read.
    private static func grant(_ payload: Secret) throws(Finding) -> Bool {
        guard let kept = KeptGrant(payload: payload) else { return false }
        let written = kept.payload
        guard let again = KeptGrant(payload: written) else { throw Finding("a grant is not read that was written") }
        try hold(again.payload == written, "a grant is read otherwise than it was written")
        return true
    }
}
