import CurlClient
import Foundation
import GatehouseCore
import GatehouseTestSupport
import SocketLoop
import Synchronization
import Testing

@testable import GatehouseServer
@testable import GatehouseTokens

/// The page of connecting in Chromium, before a real authorization server: discovery, registration, consent on a page of another origin, the code with
/// PKCE, rotation, revocation.
@Suite(
    "The page of connecting",
    .needsAuthlib,
    .enabled(if: Chromium.path != nil, "no chromium: apt-get install chromium"),
    .timeLimit(.minutes(5))
)
struct ConnectPageTests {
    /// The page on a port of this machine, to the person who is signed in.
    fileprivate final class Fixture: Sendable {
        let folder: Tools.Folder
        let vendor: AuthorizationServer
        let store: SealedTokenStore
        let key: GrantKey
        let connection: OAuthConnection
        let url: String
        private let server: LocalServer
        private let loop: EpollLoop
        private let changes = Mutex<[ConnectChange.Kind]>([])

        init() async throws {
            folder = try Tools.Folder()
            vendor = try await AuthorizationServer.start(folder, lifetime: 3600, key: TestIssuer.Key(id: "app"))
            let keyring = try MasterKeyring([MasterKey(bytes: Secret(0..<32))])
            store = SealedTokenStore.sqlite(path: "\(folder.path)/tokens.db", keyring: keyring, clock: SystemClock())
            let token = try TokenName(parsing: "notion")
            let owner = try #require(TokenOwner(subject: "sub-ada"))
            key = GrantKey(token, owner: owner)
            connection = OAuthConnection(
                server: .discovered(from: try WebURL(parsing: vendor.url + "/api")),
                client: .dynamic,
                scopes: ["read"]
            )
            let name = try RouteName(parsing: "notion")
            let route = Route(
                name: name,
                host: try HostPattern(parsing: "127.0.0.1"),
                audiences: ["aud"],
                upstream: try Upstream(parsing: "http://127.0.0.1:1"),
                injections: [
                    Injection(
                        name: try HeaderName(parsing: "Authorization"),
                        value: try .init(parsing: "Bearer {token}", ownToken: name.ownToken)
                    )
                ]
            )
            let keys: @Sendable () -> PurposeKeys = { PurposeKeys(current: Secret(Array(repeating: 9, count: 32))) }
            let box = Handler()
            loop = try EpollLoop.start(named: "connect")
            var bounds = LocalServer.Bounds()
            bounds.body = ConnectHandler.maximumBody
            server = try await LocalServer.start(
                on: .tcp(host: "127.0.0.1", port: 0),
                loop: loop,
                bounds: bounds
            ) { request in
                var request = request
                let claims = Base64URL.encode(Array(#"{"aud":"aud"}"#.utf8))
                request.fields += [
                    ("Gatehouse-Subject", "sub-ada"), ("Gatehouse-Email", "ada@example.com"),
                    ("Cf-Access-Jwt-Assertion", "e30.\(claims).c2ln"),
                ]
                return await box.handler?.answer(request) ?? LocalAnswer(status: .serviceUnavailable, body: "")
            }
            let url = "http://127.0.0.1:\(server.port ?? 0)"
            self.url = url
            let site = ConnectSite(
                path: ConnectSite.defaultPath,
                routes: [route],
                tokens: [ConnectableToken(token, by: .oauth(connection))]
            ) { _ in url }
            box.handler = ConnectHandler(
                site: { site },
                connector: TokenConnector(store: store, keys: keys, clock: SystemClock(), holder: "test"),
                keys: keys,
                clock: SystemClock(),
                others: { [:] },
                onChange: { [weak self] change in self?.changes.withLock { $0.append(change.kind) } }
            )
        }

        private final class Handler: Sendable {
            private let kept = Mutex<ConnectHandler?>(nil)
            var handler: ConnectHandler? {
                get { kept.withLock { $0 } }
                set { kept.withLock { $0 = newValue } }
            }
        }

        var changed: [ConnectChange.Kind] { changes.withLock { $0 } }

        func grant() async throws -> TokenGrant? {
            if case .usable(let grant)? = try await store.grants(of: [key]).grants[key]?.kept { grant } else { nil }
        }

        func browse(_ steps: String...) async throws -> JSON {
            let process = try ChildProcess(
                try #require(Tools.pythonAuthorization),
                [
                    Tools.script("browser.py"), try #require(Chromium.path),
                    "\(folder.path)/browser-\(UUID().uuidString)",
                    url + ConnectSite.defaultPath,
                ] + steps,
                environment: ["PYTHONDONTWRITEBYTECODE": "1"]
            )
            let exit = await process.exit()
            let (output, errors) = (await process.output.whole, await process.errors.whole)
            #expect(exit == .code(0), "\(errors)")
            return try JSON(parsing: output)
        }

        func end() async {
            await server.close()
            await loop.stop()
        }
    }

    @Test func `somebody connects, connects anew and disconnects in a browser`() async throws {
        let fixture = try await Fixture()
        let connected = try await fixture.browse(
            "click form[action$=connect] button",
            "click button[value=Allow]",
            "wait [role=status]"
        )
        #expect(connected["text"].text?.contains("notion is connected.") == true)
        #expect(connected["text"].text?.contains("ada@vendor.example") == true)
        // A policy that stands in the way says so here.
        let blocked = connected["problems"].elements.compactMap(\.text).filter { $0.contains("Policy") }
        #expect(blocked == [])
        let grant = try #require(try await fixture.grant())
        #expect(grant.person?.account == "ada@vendor.example")
        #expect(grant.person?.server?.issuer == fixture.vendor.url)
        #expect(try await fixture.vendor.count("register") == 1)
        #expect(try await fixture.answers(grant) == 200)

        let denied = try await fixture.browse(
            "click form[action$=connect] button",
            "click button[value=Deny]",
            "wait .message a[href='/.gatehouse/']"
        )
        #expect(denied["text"].text?.contains("You did not give access") == true)
        #expect(try await fixture.grant()?.access == grant.access)

        let gone = try await fixture.browse(
            "click summary.end",
            "click form[action$=disconnect] button",
            "wait [role=status]"
        )
        #expect(gone["text"].text?.contains("ended at the vendor") == true)
        #expect(try await fixture.grant() == nil)
        #expect(try await fixture.answers(grant) == 401, "the vendor takes it no more")
        #expect(fixture.changed == [.connected, .disconnected])
        #expect(try await fixture.vendor.count("metadata") == 1)
        await fixture.end()
    }

    @Test func `a grant that was connected renews itself, and its family ends when an old token is shown`() async throws
    {
        let fixture = try await Fixture()
        _ = try await fixture.browse(
            "click form[action$=connect] button",
            "click button[value=Allow]",
            "wait [role=status]"
        )
        let grant = try #require(try await fixture.grant())
        let server = try #require(grant.person?.server)
        let load = try await fixture.store.grants(of: [GrantKey(fixture.key.token)])
        guard case .client(let client)? = load.grants[GrantKey(fixture.key.token)]?.kept else {
            return #expect(Bool(false), "the client is kept")
        }
        #expect(client.id == server.clientID)
        let endpoint = TokenEndpoint(
            server.tokenURL,
            .refreshToken,
            client: client.client,
            reach: fixture.connection.reach
        )
        let next = try await endpoint.renew(grant.refresh, seed: nil)
        #expect(try await fixture.answers(next) == 200)
        let failure = await #expect(throws: RenewalFailure.self) {
            _ = try await endpoint.renew(grant.refresh, seed: nil)
        }
        #expect(failure?.code == .ended)
        #expect(try await fixture.answers(next) == 401)
        await fixture.end()
    }

    @Test func `an answer that names another issuer is refused`() async throws {
        let fixture = try await Fixture()
        try await fixture.vendor.set(#"{"issuer":"https://evil.example"}"#)
        let refused = try await fixture.browse(
            "click form[action$=connect] button",
            "click button[value=Allow]",
            "wait .message a[href='/.gatehouse/']"
        )
        #expect(refused["text"].text?.contains("This answer does not belong here") == true)
        #expect(try await fixture.grant() == nil)
        #expect(try await fixture.vendor.count("authorization_code") == 0)
        await fixture.end()
    }
}

extension ConnectPageTests.Fixture {
    /// The status of the API to a call with the grant.
    fileprivate func answers(_ grant: TokenGrant) async throws -> Int {
        var request = CurlRequest(vendor.url + "/api")
        request.headers = [
            CurlHeader("Authorization", prefix: "Bearer ") { use in grant.access.withUnsafeBytes { use($0) } }
        ]
        return try await CurlClient().perform(request).status
    }
}
