import Crypto
import GatehouseCore
@testable import GatehouseTokens
import GatehouseTestSupport
import Testing

@Suite struct Sealing {
    private let row = SealedRow(
        name: "coda",
        version: 2,
        predecessor: 1,
        createdAt: 1_764_000_000_000_000,
        expiresAt: nil,
        actor: "ops",
        note: "spring"
    )
    private let sealer: TokenSealer
    private let attestation: Attestation

    init() throws {
        let keyring = try MasterKeyring([StoreFixture.oldKey])
        sealer = TokenSealer(keyring: keyring)
        attestation = Attestation(keyring: keyring)
    }

    private func hex(_ text: String) -> [UInt8] {
        let digits = Array(text.utf8)
        return stride(from: 0, to: digits.count, by: 2).map { Hex.value(digits[$0])! << 4 | Hex.value(digits[$0 + 1])! }
    }

    // Made by an independent implementation of the documented format (Python's `cryptography`), so that neither the format nor the
    // key derivation can change unnoticed: rows written today are opened by every later release.
    private let knownValue = """
        47485331630dcd2966c43366404142434445464748494a4bea98f472a701cee1cb23f998f315b75de6d32aae7f01159ebcc26601309463ab\
        7ed7268801245b37b8eb9889f1bdd3354c4d4e4f5051525354555657b9b820ec3faead3e7dee7ac6e8cbbf00a73067b5e369c068e146ace6\
        5c49
        """

    @Test func `a sealed value has the bytes of the known answer`() throws {
        let random = TokenSealer.Randomness(
            dataKey: SymmetricKey(data: Array(32..<64)),
            wrapNonce: try AES.GCM.Nonce(data: Array(64..<76)),
            nonce: try AES.GCM.Nonce(data: Array(76..<88))
        )
        #expect(try sealer.seal(Secret("tok-0123456789"), in: row, with: random) == hex(knownValue))
        #expect(try sealer.open(hex(knownValue), in: row) == Secret("tok-0123456789"))
    }

    @Test func `a sealed record has the bytes of the known answer`() throws {
        let head = TokenHead(name: "coda", current: 2, latest: 3, revision: 4, changedAt: row.createdAt)
        let event = EventRecord(
            name: "coda",
            revision: 4,
            action: "rollback",
            version: 2,
            at: row.createdAt,
            actor: "ops",
            note: "spring"
        )
        let headSeal = hex("47484831630dcd2966c43366505b8d3229892b6e66a423a2d9a688443a182789495bce774e590ed60254be21")
        let eventSeal = hex("47484531630dcd2966c433664f9e2fbd6d0227ade6285accad90db28d15b1a1b2eff6032e57d0af5f7f90849")
        #expect(attestation.seal(head) == headSeal)
        #expect(attestation.seal(event) == eventSeal)
        try attestation.verify(head, headSeal)
        try attestation.verify(event, eventSeal)
        #expect(throws: TokenError.self) { try attestation.verify(head, eventSeal) }
    }

    @Test func `sealing draws new keys and nonces each time`() throws {
        let sealed = try (0..<64).map { _ in try sealer.seal(Secret("same"), in: row) }
        for part in [12..<24, 24..<56, 72..<84, 84..<88] { #expect(Set(sealed.map { Array($0[part]) }).count == 64) }
    }

    @Test func `a sealed value does not open with any bit flipped`() throws {
        let sealed = hex(knownValue)
        for index in sealed.indices {
            for bit in 0..<8 {
                var damaged = sealed
                damaged[index] ^= 1 << bit
                let error = #expect(throws: TokenError.self) { try sealer.open(damaged, in: row) }
                // A flipped key id is a key that nobody has.
                #expect(error?.code == ((4..<12).contains(index) ? .keyUnknown : .tampered), "byte \(index)")
                #expect(throws: TokenError.self) { try sealer.rewrap(index < 72 ? damaged : [], in: row) }
            }
        }
    }

    @Test func `a sealed value does not open when it is cut or lengthened`() throws {
        let sealed = hex(knownValue)
        for count in 0..<sealed.count {
            #expect(throws: TokenError.self) { try sealer.open(Array(sealed[..<count]), in: row) }
        }
        #expect(throws: TokenError.self) { try sealer.open(sealed + [0], in: row) }
    }

    @Test func `sealing binds every column beside the value`() throws {
        let changes: [(inout SealedRow) -> Void] = [
            { $0.name = "code" }, { $0.version = 3 }, { $0.predecessor = nil }, { $0.predecessor = 2 },
            { $0.createdAt += 1 },
            { $0.expiresAt = 0 },
            {
                $0.actor = "op"; $0.note = "sspring"
            }, { $0.note = "" },
        ]
        for (index, change) in changes.enumerated() {
            var other = row
            change(&other)
            let error = #expect(throws: TokenError.self) { try sealer.open(hex(knownValue), in: other) }
            #expect(error?.code == .tampered, "change \(index)")
        }
    }

    @Test func `a sealed value does not open under another key with the same id`() throws {
        // The id is public, so it may be written over another key's row.
        let other = TokenSealer(keyring: try MasterKeyring([StoreFixture.newKey]))
        var sealed = try sealer.seal(Secret("value"), in: row)
        let unknown = #expect(throws: TokenError.self) { try other.open(sealed, in: row) }
        #expect(unknown?.code == .keyUnknown)
        #expect(unknown?.message.contains("630dcd2966c43366") == true)
        sealed.replaceSubrange(4..<12, with: StoreFixture.newKey.id.bytes)
        #expect((#expect(throws: TokenError.self) { try other.open(sealed, in: row) })?.code == .tampered)
    }

    @Test func `random bytes do not open`() throws {
        var random = SplitMix(seed: 7)
        for _ in 0..<20_000 {
            var bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            // Half of them get past the prefix and the key id.
            if Bool.random(using: &random) {
                bytes.replaceSubrange(0..<min(12, bytes.count), with: SealedValue.prefix + StoreFixture.oldKey.id.bytes)
            }
            #expect(throws: TokenError.self) { try sealer.open(bytes, in: row) }
            #expect(throws: TokenError.self) { try sealer.rewrap(bytes, in: row) }
            let head = TokenHead(name: "coda", current: 1, latest: 1, revision: 1, changedAt: 0)
            #expect(throws: TokenError.self) { try attestation.verify(head, bytes) }
        }
    }

    @Test func `a rewrapped value opens under the new key alone`() throws {
        let both = TokenSealer(keyring: try MasterKeyring([StoreFixture.newKey, StoreFixture.oldKey]))
        let rewrapped = try both.rewrap(hex(knownValue), in: row)
        #expect(rewrapped[72...] == hex(knownValue)[72...])
        let new = TokenSealer(keyring: try MasterKeyring([StoreFixture.newKey]))
        #expect(try new.open(rewrapped, in: row) == Secret("tok-0123456789"))
        #expect(throws: TokenError.self) { try sealer.open(rewrapped, in: row) }
    }

    @Test func `a fingerprint is keyed and short`() throws {
        let one = Fingerprint(of: Secret("tok-0123456789"), key: StoreFixture.oldKey.fingerprinting)
        #expect(one.text == "52288a892ae5b3d5")
        #expect(one != Fingerprint(of: Secret("tok-0123456789"), key: StoreFixture.newKey.fingerprinting))
    }
}
