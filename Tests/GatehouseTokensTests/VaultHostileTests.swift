@testable import CurlClient
import Foundation
import GatehouseCore
import GatehouseTestSupport
import Synchronization
import Testing

@testable import GatehouseTokens

/// Whatever a server says, the process goes on, and nothing is taken that was not asked for.
@Suite struct HostileVaults {
    private static let sound = """
        {"request_id":"1","lease_id":"","renewable":false,"lease_duration":0,"data":{"data":{"value":"value-1",\
        "gatehouse_version":"3","gatehouse_previous":"2","gatehouse_action":"rotate","gatehouse_actor":"ann",\
        "gatehouse_expires":"2030-01-01T00:00:00Z","user":"svc"},"metadata":{"created_time":"2026-11-23T09:00:00.1Z",\
        "custom_metadata":null,"deletion_time":"","destroyed":false,"version":3}},"wrap_info":null,"auth":null}
        """
    private static let grant = #"{"auth":{"client_token":"hvs.1","lease_duration":3600,"renewable":true}}"#
    private static let names = #"{"data":{"keys":["coda"]}}"#

    private func store(
        _ secret: String,
        names: String = HostileVaults.names,
        grant: String = HostileVaults.grant,
        status: Int = 200
    ) -> VaultTokenStore {
        store { request throws(CurlError) in
            let isGrant = request.url.contains("/auth/")
            let body = isGrant ? grant : request.url.hasSuffix("?list=true") ? names : secret
            return CurlResponse(status: isGrant ? 200 : status, headers: [], body: CurlBody(body))
        }
    }

    private func store(_ send: @escaping VaultWire.Send) -> VaultTokenStore {
        setenv("GATEHOUSE_TEST_IDENTITY", "identity", 1)
        guard let address = try? WebURL(parsing: "https://vault.example.com") else { preconditionFailure() }
        let place = VaultPlace(
            address: address,
            mount: "secret",
            path: "mcp",
            identity: .role(
                id: .environment("GATEHOUSE_TEST_IDENTITY"),
                secret: .environment("GATEHOUSE_TEST_IDENTITY"),
                mount: "approle"
            )
        )
        return VaultTokenStore(VaultSession(place, surroundings: Stage().surroundings, send: send))
    }

    /// Everything that a process does with a store; errors are answers.
    private func use(_ store: VaultTokenStore) async {
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
        #expect(try await store.list().first?.actor == "ann")
    }

    @Test(
        arguments: [
            "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-1", "0", "9007199254740993", "1.5",
            "1e400", "null", #""3""#,
        ]
    )
    func `a version that is none ends no process and is no version`(_ version: String) async throws {
        let store = store(Self.sound.replacing(#""version":3"#, with: #""version":\#(version)"#))
        await use(store)
        #expect(try await store.load().tokens.isEmpty)
        await #expect(throws: TokenError.self) { try await store.value(of: .coda) }
        await #expect(throws: TokenError.self) { try await store.rollback(.coda, .nothing) }
    }

    @Test func `the highest version is one, and has none behind it`() async throws {
        let store = store(Self.sound.replacing(#""version":3"#, with: #""version":9007199254740992"#))
        #expect(try await store.value(of: .coda).version == 1 << 53)
        #expect(await #expect(throws: TokenError.self) { try await store.rotate(.coda, "two") }?.code == .limit)
        await use(store)
    }

    @Test func `another version than was asked for is not taken`() async throws {
        await #expect(throws: TokenError.self) { try await store(Self.sound).value(of: .coda, version: 2) }
    }

    @Test func `going back leads to a lower version, whatever the notes say`() async throws {
        for previous in ["3", "4", "0", "-1", "9223372036854775808", "x"] {
            let text = Self.sound.replacing(#"previous":"2""#, with: #"previous":"\#(previous)""#)
            let code = await #expect(throws: TokenError.self) { try await store(text).rollback(.coda, .nothing) }?.code
            #expect(code == .versionNotFound)
        }
    }

    @Test func `a name or a member that comes twice is refused`() async throws {
        let twice = store(Self.sound, names: #"{"data":{"keys":["coda","coda"]}}"#)
        await #expect(throws: TokenError.self) { try await twice.load() }
        for member in [#""value":"other""#, #""gatehouse_version":"3""#, #""user":"b""#] {
            let store = store(Self.sound.replacing(#""user":"svc""#, with: #""user":"svc","# + member))
            await #expect(throws: TokenError.self) { try await store.value(of: .coda) }
        }
    }

    @Test func `a token of the server that would break a header is refused`() async throws {
        for token in [#"a\r\nX-Evil: 1"#, "", #"\u0000"#, "ü"] {
            let store = store(Self.sound, grant: Self.grant.replacing("hvs.1", with: token))
            await #expect(throws: TokenError.self) { try await store.load() }
        }
    }

    @Test func `names that are no tokens' are asked for nowhere`() async throws {
        let asked = Mutex<[String]>([])
        let store = store { request throws(CurlError) in
            asked.withLock { $0.append(request.url) }
            let names = #"{"data":{"keys":["../../sys/seal","..",".","a/b","%2e%2e","coda","a b","ü","x?list=true"]}}"#
            let body =
                request.url.contains("/auth/") ? Self.grant : request.url.hasSuffix("?list=true") ? names : Self.sound
            return CurlResponse(status: 200, headers: [], body: CurlBody(body))
        }
        #expect(try await store.load().tokens.keys.map(\.text) == ["coda"])
        #expect(asked.withLock { $0.map { $0.split(separator: "/").last } } == ["login", "mcp?list=true", "coda"])
    }

    @Test func `one secret that is too long keeps the others back no more than one that is no JSON`() async throws {
        let store = store { request throws(CurlError) in
            if request.url.hasSuffix("/long") { throw CurlError(.tooLarge, "too large") }
            let names = #"{"data":{"keys":["coda","long","page"]}}"#
            let body =
                request.url.contains("/auth/")
                ? Self.grant
                : request.url.hasSuffix("?list=true") ? names : request.url.hasSuffix("/page") ? "<html>" : Self.sound
            return CurlResponse(status: 200, headers: [], body: CurlBody(body))
        }
        let load = try await store.load()
        #expect(load.tokens.keys.map(\.text) == ["coda"] && load.problems.map(\.name.text) == ["long", "page"])
    }

    @Test func `a folder without end is refused`() async throws {
        let keys = (0...VaultTokenStore.maximumTokens).map { "\"t\($0)\"" }.joined(separator: ",")
        let store = store(Self.sound, names: #"{"data":{"keys":[\#(keys)]}}"#)
        await #expect(throws: TokenError.self) { try await store.load() }
    }

    @Test func `a write that others always undo ends, and one that is not confirmed is none`() async throws {
        let store = store { request throws(CurlError) in
            let body = request.url.contains("/auth/") ? Self.grant : Self.sound
            guard request.method == "POST", !request.url.contains("/auth/") else {
                return CurlResponse(status: 200, headers: [], body: CurlBody(body))
            }
            let words = #"{"errors":["check-and-set parameter did not match the current version"]}"#
            return CurlResponse(status: 400, headers: [], body: CurlBody(words))
        }
        #expect(await code { try await store.rotate(.coda, "two") } == .unavailable)
        // A KV engine of version 1 says 204.
        #expect(await code { try await self.store(Self.sound, status: 204).set(.coda, "two") } == .unavailable)
        // The answer to the write says version 3, which was there before.
        #expect(await code { try await self.store(Self.sound).set(.coda, "two") } == .unavailable)
    }

    @Test func `what a server says in its errors is shown to nobody`() async throws {
        for status in [400, 403, 404, 405, 418, 500, 503] {
            let words = #"{"errors":["leak-4d1 no such thing"]}"#
            let store = store(words, names: words, status: status)
            let error = try #require(await #expect(throws: TokenError.self) { try await store.load() })
            #expect(!"\(error) \(error.hint ?? "")".contains("leak-4d1"))
        }
    }

    /// Answers that are nearly right, the same ones each time.
    @Test(arguments: 0..<8 as Range<UInt64>)
    func `no answer ends the process`(_ seed: UInt64) async {
        var random = SplitMix(seed: seed)
        let numbers = [
            "9223372036854775807", "-9223372036854775808", "9223372036854775808", "1e999", "0", "-0", "null", "[]",
            "{}", #""""#, "true", "9007199254740993", #""9223372036854775807""#,
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
            _ = try? VaultAnswer.grant(CurlBody(bytes))
            _ = try? VaultAnswer.names(CurlBody(bytes))
            _ = VaultAnswer.errors(CurlBody(bytes))
            await use(store(String(decoding: bytes, as: UTF8.self)))
        }
    }
}
