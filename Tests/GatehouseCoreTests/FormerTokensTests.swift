import GatehouseCore
import Testing

@Suite struct FormerTokensTests {
    private let name: TokenName
    private var former = FormerTokens()

    init() throws { name = try TokenName(parsing: "coda") }

    private func value(_ text: String, _ version: Int) throws -> TokenValue {
        try TokenValue(validating: Secret(text), version: version)
    }

    private func texts(_ former: FormerTokens) -> [String] {
        former.versions(of: name).map { $0.secret.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
    }

    @Test func `the last two versions are remembered, newest first`() throws {
        var former = former
        let values = try (1...4).map { try value("token-\($0)", $0) }
        for index in 1..<4 { former.replaced([name: values[index - 1]], by: [name: values[index]]) }
        #expect(texts(former) == ["token-3", "token-2"])
    }

    @Test func `a token that is gone is remembered, and one that comes back is the present one`() throws {
        var former = former
        let one = try value("token-1", 1)
        former.replaced([name: one], by: [:])
        #expect(texts(former) == ["token-1"])
        former.replaced([:], by: [name: one])
        #expect(texts(former).isEmpty)
    }

    @Test func `the same value under another version is no former one`() throws {
        var former = former
        former.replaced([name: try value("token-1", 1)], by: [name: try value("token-1", 2)])
        #expect(texts(former).isEmpty)
    }

    @Test func `a snapshot gives the present version first`() throws {
        var former = former
        let values = try (1...2).map { try value("token-\($0)", $0) }
        former.replaced([name: values[0]], by: [name: values[1]])
        let snapshot = TokenSnapshot(tokens: [name: values[1]]).following(former)
        #expect(snapshot.versions(of: name) == [values[1], values[0]])
    }
}
