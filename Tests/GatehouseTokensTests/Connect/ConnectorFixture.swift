import GatehouseCore
import GatehouseTestSupport

@testable import GatehouseTokens

/// A connector between a store and a vendor whose answers are scripted.
struct ConnectorFixture: Sendable {
    static let page = "https://mcp.example.com/.gatehouse/"
    static let token = TokenName.name("notion")
    static let ada = TokenConnector.Person(owner: owner("sub-ada"), email: "ada@example.com")
    static let eve = TokenConnector.Person(owner: owner("sub-eve"), email: "eve@example.com")
    static let resource = AuthorizationDiscoveryTests.resource

    let files: StoreFixture
    let store: SealedTokenStore
    let clock = ScriptedClock()
    let wire: ScriptedWire
    let connector: TokenConnector

    /// - Parameter metadata: members beside those that each server has.
    init(metadata: String = "") throws {
        files = try StoreFixture()
        let keyring = try MasterKeyring([StoreFixture.oldKey])
        store = SealedTokenStore.sqlite(path: files.file, keyring: keyring, clock: clock)
        wire = AuthorizationDiscoveryTests.wire
        wire.answer(
            AuthorizationDiscoveryTests.ofServer,
            .init(200, AuthorizationDiscoveryTests.metadata(metadata))
        )
        wire.answer("https://idp.example/token", .init(200, #"{"access_token":"at-1","refresh_token":"rt-1"}"#))
        connector = Self.connector(store, wire, clock)
    }

    /// Another process beside the first, or one that was started anew.
    var replica: TokenConnector { Self.connector(store, wire, clock) }

    private static func connector(
        _ store: SealedTokenStore,
        _ wire: ScriptedWire,
        _ clock: ScriptedClock
    ) -> TokenConnector {
        TokenConnector(
            store: store,
            keys: { PurposeKeys(current: Secret(Array(repeating: 7, count: 32))) },
            clock: clock,
            holder: "holder-\(UInt64.random(in: .min ... .max))",
            send: wire.send
        )
    }

    static func owner(_ subject: String) -> TokenOwner {
        guard let owner = TokenOwner(subject: subject) else { preconditionFailure("a test's owner is one") }
        return owner
    }

    func connection(
        _ client: OAuthConnection.Client = .registered(
            OAuthClient(id: "gatehouse", secret: .kept(Secret("shh")), authentication: .post)
        )
    ) throws -> OAuthConnection {
        OAuthConnection(
            server: .discovered(from: try WebURL(parsing: Self.resource)),
            client: client,
            scopes: ["read", "write"]
        )
    }

    /// The fields of the address to which a browser is sent.
    func begin(
        _ person: TokenConnector.Person = ada,
        by connection: OAuthConnection? = nil
    ) async throws -> FormFields {
        let url = try await connector.begin(
            Self.token,
            by: try connection ?? self.connection(),
            for: person.owner,
            pages: [Self.page, "https://other.example/.gatehouse/"]
        )
        guard let query = url.firstIndex(of: "?"), let fields = FormFields(url[query...].dropFirst().utf8) else {
            throw ConnectFailure(.metadata, "no query in \(url)")
        }
        return fields
    }

    func finish(
        _ query: String,
        for person: TokenConnector.Person = ada,
        page: String = page,
        at connector: TokenConnector? = nil,
        by connection: OAuthConnection? = nil
    ) async throws(ConnectFailure) -> TokenConnector.Connected {
        guard let fields = FormFields(query.utf8), let answer = AuthorizationAnswer(fields) else {
            throw ConnectFailure(.unknownState, "no answer")
        }
        let own = try? self.connection()
        return try await (connector ?? self.connector).finish(answer, for: person, page: page) { name in
            name == Self.token ? connection ?? own : nil
        }
    }

    func kept(_ person: TokenConnector.Person = ada) async throws -> KeptGrant? {
        let key = GrantKey(Self.token, owner: person.owner)
        return try await store.grants(of: [key]).grants[key]?.kept
    }

    func grant(_ person: TokenConnector.Person = ada) async throws -> TokenGrant? {
        if case .usable(let grant)? = try await kept(person) { grant } else { nil }
    }
}

func failure(_ body: () async throws -> Void) async -> ConnectFailure? {
    do { try await body() } catch { return error as? ConnectFailure }
    return nil
}
