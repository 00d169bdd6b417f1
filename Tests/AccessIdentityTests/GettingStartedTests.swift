import AccessIdentity
import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif
import GatehouseTestSupport
import Synchronization
import Testing

/// The code of the article "Getting started", in its order. The test "the article has this code" fails when the two part.
@Suite struct GettingStartedTests {
    struct Unavailable: Error {}

    /// Stands for the reader's HTTP client.
    private struct Client: Sendable {
        let certs: ScriptedCerts
        func body(of url: String) async throws -> [UInt8] { try await certs.fetch(url) }
    }

    @Test func `the article compiles and works`() async throws {
        try await withTemporaryDirectory { directory in
            let clock = ScriptedKeyClock()
            let certs = ScriptedCerts([TestIssuer.firstKey])
            let client = Client(certs: certs)

            let policy = AccessPolicy(issuer: AccessPolicy.issuer(team: "example"), maximumTokenAge: 24 * 3600)
            let audiences: Set<String> = ["4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2"]

            let options = SigningKeySource.Options(
                url: try SigningKeysURL(issuer: policy.issuer),
                path: directory + "/access-keys"
            )
            let verifier = SharedVerifier(policy: policy)
            let source = SigningKeySource(
                options: options,
                fetch: { url in try await client.body(of: url) },
                onChange: { keys in verifier.update(keys: keys) }
            )

            func caller(of fields: [String]) async throws -> VerifiedAssertion {
                var verdict = verifier.verify(fields, audiences: audiences, now: clock.now())
                if case .unknownKey(let id) = verdict, source.mayLookUp(id), await source.lookUp(id) {
                    verdict = verifier.verify(fields, audiences: audiences, now: clock.now())
                }
                switch verdict {
                case .caller(let assertion): return assertion
                case .refused(let rejection): throw rejection
                case .unknownKey: throw AssertionRejection.keyUnknown
                case .unavailable: throw Unavailable()
                }
            }

            let token = TestIssuer().user()
            await #expect(throws: Unavailable.self) { try await caller(of: [token]) }
            await source.refresh()
            #expect(try await caller(of: [token]).name == "david@example.com")
            await #expect(throws: AssertionRejection.duplicate) { try await caller(of: [token, token]) }
            certs.serve([TestIssuer.firstKey, TestIssuer.secondKey])
            let rotated = TestIssuer(key: TestIssuer.secondKey).service("x.access")
            #expect(try await caller(of: [rotated]).name == "x.access")
            let unknown = TestIssuer(key: TestIssuer.Key(TestIssuer.firstKey, id: "made-up")).user()
            await #expect(throws: AssertionRejection.keyUnknown) { try await caller(of: [unknown]) }
        }
    }

    @Test func `the article has this code`() throws {
        let here = URL(fileURLWithPath: #filePath)
        let root = here.deletingLastPathComponent().resolvingSymlinksInPath()
        let article = root.deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Sources/AccessIdentity/AccessIdentity.docc/GettingStarted.md")
        let squeeze = { (text: String) in text.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
        let test = squeeze(try String(contentsOf: here, encoding: .utf8))
        let blocks = try String(contentsOf: article, encoding: .utf8).components(separatedBy: "```swift\n").dropFirst()
            .map { squeeze($0.components(separatedBy: "```")[0]) }
        #expect(blocks.count == 6)
        // The package's own manifest has the product; what an address would fetch is not asked here.
        let manifest = try String(
            contentsOf: root.deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(
                "Package.swift"
            ),
            encoding: .utf8
        )
        #expect(blocks[0].contains(#".product(name: "AccessIdentity", package: "gatehouse")"#))
        #expect(manifest.contains(#"name: "gatehouse""#) && manifest.contains(#".library(name: "AccessIdentity""#))
        // The task that runs the source for ever is the one line that a test does not take over.
        for block in blocks.dropFirst() {
            #expect(test.contains(block.replacing(" let refreshing = Task { await source.run() }", with: "")))
        }
    }
}

/// The parts that the article leaves to the reader's own program, written with Foundation.
enum ReadersOwn {
    struct Client: Sendable {
        func body(of url: String) async throws -> [UInt8] {
            guard let url = URL(string: url) else { throw Unavailable() }
            let (data, response) = try await URLSession.shared.data(from: url)
            guard (response as? HTTPURLResponse)?.statusCode == 200 else { throw Unavailable() }
            return Array(data)
        }
    }

    struct Clock: Sendable {
        func now() -> Int64 { Int64(Date().timeIntervalSince1970) }
    }

    /// Nobody can be verified at the moment: 503.
    struct Unavailable: Error {}
}

final class SharedVerifier: Sendable {
    private let verifier: Mutex<AssertionVerifier>

    init(policy: AccessPolicy) { verifier = Mutex(AssertionVerifier(policy: policy)) }

    func update(keys: SigningKeys) { verifier.withLock { $0.update(keys: keys) } }

    func verify(_ fields: [String], audiences: Set<String>, now: Int64) -> SharedVerdict {
        verifier.withLock { verifier in
            switch verifier.verify(fields: fields, audiences: audiences, now: now) {
            case .verified(let assertion): .caller(assertion)
            case .rejected(let rejection): .refused(rejection)
            case .unknownKey(let id): .unknownKey(id)
            case .keysUnavailable: .unavailable
            }
        }
    }
}

enum SharedVerdict: Sendable {
    case caller(VerifiedAssertion)
    case refused(AssertionRejection)
    case unknownKey(String)
    case unavailable
}
