import Foundation
import GatehouseCore
@testable import GatehouseTokens
import Testing

@Suite struct MasterKeys {
    private let text = "ghk1_000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fd50650a5"

    @Test func haveTheTextOfTheKnownAnswer() throws {
        #expect(Workbench.oldKey.encoded.text == text)
        #expect(try MasterKey(parsing: Secret(text)).id == Workbench.oldKey.id)
        #expect(Workbench.oldKey.id.description == "630dcd2966c43366")
    }

    @Test func areDrawnAnewAndReadBack() throws {
        let keys = (0..<32).map { _ in MasterKey.generate() }
        #expect(Set(keys.map(\.id)).count == 32)
        for key in keys { #expect(try MasterKey(parsing: key.encoded).id == key.id) }
    }

    @Test func printTheirIDOnly() {
        var dumped = ""
        dump(Workbench.oldKey, to: &dumped)
        for shown in ["\(Workbench.oldKey)", String(reflecting: Workbench.oldKey), dumped] {
            #expect(!shown.contains("000102"))
            #expect(!shown.contains("AAECAw"))
        }
    }

    @Test func mistypedAreRefusedWithoutBeingRepeated() {
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

    @Test func makeARingWithoutRepetition() throws {
        #expect(throws: TokenError.self) { try MasterKeyring([]) }
        let twice = #expect(throws: TokenError.self) {
            try MasterKeyring([Workbench.oldKey, Workbench.newKey, Workbench.oldKey])
        }
        #expect(twice?.message.contains("630dcd2966c43366") == true)
        #expect(throws: TokenError.self) {
            try MasterKeyring((0...MasterKeyring.maximumCount).map { _ in .generate() })
        }
        #expect(try MasterKeyring([Workbench.newKey, Workbench.oldKey]).first.id == Workbench.newKey.id)
    }

    @Test func areReadFromTheirPlaces() throws {
        let bench = try Workbench()
        let file = "\(bench.directory)/key"
        try Data("\(text)\n".utf8).write(to: URL(fileURLWithPath: file))
        #expect(try MasterKeyring(sources: [.file(file)]).first.id == Workbench.oldKey.id)
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
