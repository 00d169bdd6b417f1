import Foundation
import GatehouseCore
@testable import GatehouseTokens
import Testing

@Suite struct MasterKeys {
    private let text = "ghk1_000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fd50650a5"

    @Test func `master keys have the text of the known answer`() throws {
        #expect(StoreFixture.oldKey.encoded.text == text)
        #expect(try MasterKey(parsing: Secret(text)).id == StoreFixture.oldKey.id)
        #expect(StoreFixture.oldKey.id.description == "630dcd2966c43366")
    }

    @Test func `master keys are drawn anew and read back`() throws {
        let keys = (0..<32).map { _ in MasterKey.generate() }
        #expect(Set(keys.map(\.id)).count == 32)
        for key in keys { #expect(try MasterKey(parsing: key.encoded).id == key.id) }
    }

    @Test func `master keys print their id only`() {
        var dumped = ""
        dump(StoreFixture.oldKey, to: &dumped)
        for shown in ["\(StoreFixture.oldKey)", String(reflecting: StoreFixture.oldKey), dumped] {
            #expect(!shown.contains("000102"))
            #expect(!shown.contains("AAECAw"))
        }
    }

    @Test func `mistyped master keys are refused without being repeated`() {
        let digits = Array(text)
        var wrong = [
            "", "ghk1_", "ghk2_" + text.dropFirst(5), String(text.dropLast()), text + "0", text.uppercased(),
            " " + text,
        ]
        for index in 5..<digits.count {
            var changed = digits
            changed[index] = digits[index] == "0" ? "1" : "0"
            wrong.append(String(changed))
            changed[index] = "F"
            wrong.append(String(changed))
            changed[index] = "g"
            wrong.append(String(changed))
        }
        for key in wrong {
            let error = #expect(throws: TokenError.self) { try MasterKey(parsing: Secret(key)) }
            #expect(error?.code == .configuration)
            #expect(error?.message.contains("0001") == false)
        }
    }

    @Test func `master keys make a ring without repetition`() throws {
        #expect(throws: TokenError.self) { try MasterKeyring([]) }
        let twice = #expect(throws: TokenError.self) {
            try MasterKeyring([StoreFixture.oldKey, StoreFixture.newKey, StoreFixture.oldKey])
        }
        #expect(twice?.message.contains("630dcd2966c43366") == true)
        #expect(throws: TokenError.self) {
            try MasterKeyring((0...MasterKeyring.maximumCount).map { _ in .generate() })
        }
        #expect(try MasterKeyring([StoreFixture.newKey, StoreFixture.oldKey]).first.id == StoreFixture.newKey.id)
    }

    @Test func `master keys are read from their places`() throws {
        let fixture = try StoreFixture()
        let file = "\(fixture.directory)/key"
        try Data("\(text)\n".utf8).write(to: URL(fileURLWithPath: file))
        #expect(try MasterKeyring(sources: [.file(file)]).first.id == StoreFixture.oldKey.id)
        try Data("not a key".utf8).write(to: URL(fileURLWithPath: file))
        let error = #expect(throws: TokenError.self) { try MasterKeyring(sources: [.file(file)]) }
        #expect(error?.message.contains(file) == true)
        #expect(error?.message.contains("not a key") == false)
        let missing = #expect(throws: TokenError.self) {
            try MasterKeyring(sources: [.environment("GATEHOUSE_TEST_UNSET")])
        }
        #expect(missing?.message.contains("GATEHOUSE_TEST_UNSET") == true)
    }
}
