@testable import CurlClient
import Foundation
import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseTokens

/// Whatever a server says, the process goes on, and nothing is taken that was not asked for.
@Suite struct HostileInfisicalServers {
    private static let sound = """
        {"secret":{"id":"1","workspace":"p","environment":"prod","version":3,"type":"shared","secretKey":"coda",\
        "secretPath":"/mcp","secretValue":"value-1","secretValueHidden":false,"secretComment":"note",\
        "secretMetadata":[{"key":"gatehouse-chain","value":"1,2,3"},{"key":"gatehouse-version","value":"3"},\
        {"key":"gatehouse-expires","value":"2030-01-01T00:00:00Z"},{"key":"gatehouse-actor","value":"ann"}],\
        "updatedAt":"2026-11-23T09:00:00.000Z"}}
        """
    private static let grant = #"{"accessToken":"access-1","expiresIn":7200,"tokenType":"Bearer"}"#

    /// A server that gives `secret` for every one, and `list` for all of them.
    private func store(
        _ secret: String,
        list: String? = nil,
        grant: String = HostileInfisicalServers.grant,
        status: Int = 200
    ) -> InfisicalTokenStore {
        setenv("GATEHOUSE_TEST_IDENTITY", "identity", 1)
        let place = InfisicalPlace(
            site: "https://infisical.example.com",
            project: "p",
            environment: "prod",
            path: "/mcp",
            clientID: .environment("GATEHOUSE_TEST_IDENTITY"),
            clientSecret: .environment("GATEHOUSE_TEST_IDENTITY")
        )
        var surroundings = TokenRefresher.Surroundings.machine
        surroundings.sleep = { _ in }
        let all = list ?? #"{"secrets":[\#(secret.dropFirst(10).dropLast())]}"#
        return InfisicalTokenStore(
            InfisicalSession(place, surroundings: surroundings) { request throws(CurlError) in
                let isGrant = request.url.contains("/auth/")
                let body = isGrant ? grant : request.url.contains("/secrets?") ? all : secret
                return CurlResponse(status: isGrant ? 200 : status, headers: [], body: CurlBody(body))
            }
        )
    }

    /// Everything that a process does with a store; errors are answers.
    private func use(_ store: InfisicalTokenStore) async {
        _ = try? await store.load()
        _ = try? await store.list()
        _ = try? await store.history(of: .coda)
        _ = try? await store.value(of: .coda)
        _ = try? await store.rollback(.coda, .nothing)
        _ = try? await store.rotate(.coda, "two")
        _ = try? await store.set(.coda, "two")
        try? await store.delete(.coda, .nothing)
    }

    @Test func `a sound answer is taken`() async throws {
        let store = store(Self.sound)
        #expect(try await store.load().tokens[.coda]?.secret.text == "value-1")
        #expect(try await store.value(of: .coda).version == 3)
    }

    @Test(
        arguments: [
            "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-1", "0", "9007199254740993", "1.5",
            "1e400", "1e3", "3.0",
        ]
    )
    func `a version that is none ends no process and is no version`(_ version: String) async throws {
        let store = store(Self.sound.replacing(#""version":3"#, with: #""version":\#(version)"#))
        await use(store)
        let load = try? await store.load()
        for token in load?.tokens.values.map(\.version) ?? [] { #expect(InfisicalSecret.versions.contains(token)) }
        if version.hasPrefix("9") || version.hasPrefix("-") || version == "0" {
            #expect(load?.tokens.isEmpty ?? true)
            await #expect(throws: TokenError.self) { try await store.value(of: .coda) }
            await #expect(throws: TokenError.self) { try await store.rollback(.coda, .nothing) }
            await #expect(throws: TokenError.self) { try await store.history(of: .coda) }
        }
    }

    @Test func `the highest version is one, and has none behind it`() async throws {
        let store = store(Self.sound.replacing(#""version":3"#, with: #""version":9007199254740992"#))
        #expect(try await store.value(of: .coda).version == 1 << 53)
        #expect(await #expect(throws: TokenError.self) { try await store.rotate(.coda, "two") }?.code == .limit)
        await use(store)
    }

    @Test(
        arguments: [
            (#""workspace":"p""#, #""workspace":"another""#), (#""environment":"prod""#, #""environment":"dev""#),
            (#""secretPath":"/mcp""#, #""secretPath":"/other""#), (#""secretPath":"/mcp""#, #""secretPath":"/""#),
        ]
    )
    func `a secret of another place is not taken`(_ here: String, _ elsewhere: String) async throws {
        let store = store(Self.sound.replacing(here, with: elsewhere))
        let load = try await store.load()
        #expect(load.tokens.isEmpty && load.problems.map(\.error.code) == [.unavailable])
        await #expect(throws: TokenError.self) { try await store.value(of: .coda) }
        await #expect(throws: TokenError.self) { try await store.rotate(.coda, "two") }
    }

    @Test func `another secret than was asked for is not taken`() async throws {
        await #expect(throws: TokenError.self) { try await store(Self.sound).value(of: .other) }
        await #expect(throws: TokenError.self) { try await store(Self.sound).value(of: .coda, version: 2) }
        let slash = store(Self.sound.replacing(#""secretPath":"/mcp""#, with: #""secretPath":"/mcp/""#))
        #expect(try await slash.value(of: .coda).version == 3)
    }

    @Test func `a name or a member that comes twice is refused`() async throws {
        let one = Self.sound.dropFirst(10).dropLast()
        let twice = store(Self.sound, list: #"{"secrets":[\#(one),\#(one)]}"#)
        await #expect(throws: TokenError.self) { try await twice.load() }
        for member in [#""secretValue":"other""#, #""secretKey":"coda""#, #""version":4"#] {
            let store = store(Self.sound.replacing(#""type":"shared""#, with: member))
            await #expect(throws: TokenError.self) { try await store.value(of: .coda) }
            await #expect(throws: TokenError.self) { try await store.load() }
        }
    }

    @Test func `a token of access that would break a header is refused`() async throws {
        for token in [#"a\r\nX-Evil: 1"#, "", #"\u0000"#, "ü"] {
            let store = store(Self.sound, grant: Self.grant.replacing("access-1", with: token))
            await #expect(throws: TokenError.self) { try await store.load() }
        }
    }

    @Test func `a pause is never longer than a day`() {
        for (text, seconds) in [
            ("in 30 seconds", 30), ("in 86400 hours", 86_400), ("in 5 minutes", 300), ("in 9999999999999999999 s", nil),
        ] as [(String, Int64?)] {
            #expect(
                InfisicalAnswer.delay(CurlBody(#"{"message":"try again \#(text)"}"#)) == seconds.map { .seconds($0) }
            )
        }
    }

    @Test func `versions that metadata names are no newer than the secret`() {
        var secret = InfisicalSecret()
        secret.version = 3
        let numbers = "-1,0,9223372036854775807,99999999999999999999,2,7,x,3"
        secret.metadata = [
            .init(key: InfisicalLineage.chainKey, value: numbers), .init(key: InfisicalLineage.versionKey, value: "3"),
        ]
        #expect(InfisicalLineage(of: secret).predecessor == 2)
    }

    /// Answers that are nearly right, the same ones each time.
    @Test(arguments: 0..<8 as Range<UInt64>)
    func `no answer ends the process`(_ seed: UInt64) async {
        var random = SplitMix(seed: seed)
        let numbers = [
            "9223372036854775807", "-9223372036854775808", "9223372036854775808", "1e999", "0", "-0", "null", "[]",
            "{}",
            #""""#, "true", "9007199254740993", #""9223372036854775807""#,
        ]
        for _ in 0..<60 {
            var bytes = Array(Self.sound.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...40, using: &random)))
                case 2: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 60)], at: place)
                case _:
                    // A value in the place of another.
                    let colons = bytes.indices.filter { bytes[$0] == UInt8(ascii: ":") }
                    guard let colon = colons.randomElement(using: &random) else { continue }
                    let end = bytes[(colon + 1)...].firstIndex { [0x2C, 0x7D, 0x5D].contains($0) } ?? bytes.endIndex
                    let value = numbers.randomElement(using: &random) ?? "0"
                    bytes.replaceSubrange((colon + 1)..<end, with: Array(value.utf8))
                }
                if bytes.isEmpty { bytes = [0x7B] }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            _ = try? InfisicalAnswer.grant(CurlBody(bytes))
            _ = InfisicalAnswer.delay(CurlBody(bytes))
            await use(store(text))
        }
    }
}
