internal import AccessIdentity
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseMCP
internal import GatehouseProxy
internal import GatehouseTokens
internal import SocketLoop
internal import Synchronization

/// The state that changes while Gatehouse runs, and its way to the event loops: keys, tokens, routes. Each change makes a new snapshot of all of it.
/// The sources are made before the loops that use them, so a value that is published before that is kept.
final class LiveState: Sendable {
    private struct State {
        var proxy: ProxyServer?
        /// The authenticators in the order of the proxy's loops.
        var authenticators: [LoopBound<LoopAuthenticator>] = []
        var keys: SigningKeys?
        var bearers = BearerSnapshot()
        var routes: RouteTable
        var limits: ServerLimits
        var logging: RequestLogging
        var callGrace: Duration
        /// The tokens of the live store.
        var stored = TokenSnapshot()
        var renewed: (names: Set<TokenName>, values: [TokenName: TokenValue]) = ([], [:])
        var personal = PersonalTokens.none
        var personalNames: TokenSnapshot.PersonalNames
        /// The routes, and those of the pages on which people connect their tokens.
        var served: RouteTable
        var authorities: UpstreamAuthorities
        var former = FormerTokens()
        var pins: [RouteName: RoutePins] = [:]
        /// The rules of the file.
        var rules: AccessRules
        var configurationText: [UInt8]
        /// Nil while they were never read.
        var denials: DenyBook?

        var tokens: TokenSnapshot {
            stored.renewing(renewed.names, renewed.values).personal(personalNames).following(former)
        }

        /// Puts other tokens in force, and remembers those that they replace.
        mutating func replaceTokens(_ replace: (inout State) -> Void) {
            let old = tokens.tokens
            replace(&self)
            former.replaced(old, by: tokens.tokens)
        }

        var snapshot: ProxySnapshot {
            ProxySnapshot(
                table: served,
                tokens: tokens,
                limits: limits,
                callGrace: callGrace,
                authorities: authorities,
                pins: pins,
                logging: logging
            )
        }
    }

    private let state: Mutex<State>

    /// - Parameter denials: those that are known already; nil where they have to be read first.
    init(
        _ configuration: Configuration,
        authorities: UpstreamAuthorities,
        rules: AccessRules,
        denials: DenyBook? = DenyBook()
    ) {
        state = Mutex(
            State(
                routes: configuration.routes,
                limits: configuration.limits,
                logging: configuration.log.requests,
                callGrace: configuration.access.callGrace,
                personalNames: configuration.personalNames,
                served: Self.served(configuration),
                authorities: authorities,
                rules: rules,
                configurationText: configuration.text,
                denials: denials
            )
        )
    }

    var snapshot: ProxySnapshot { state.withLock { $0.snapshot } }
    var routes: RouteTable { state.withLock { $0.routes } }
    /// The file that is in force.
    var configurationText: [UInt8] { state.withLock { $0.configurationText } }
    /// Whether some route has a rate that holds for all instances together.
    var hasFleetRates: Bool {
        state.withLock { $0.routes.routes.contains { $0.limits.rate?.scope == .fleet } }
    }
    /// The rules by which callers are judged now.
    var rules: AccessRules { state.withLock { $0.rules.denying($0.denials) } }
    var authorities: UpstreamAuthorities { state.withLock { $0.authorities } }
    /// The tokens that requests are given.
    var tokens: TokenSnapshot { state.withLock { $0.tokens } }

    func publish(_ keys: SigningKeys) {
        state.withLock { state in
            state.keys = keys
            Self.send(keys, to: state.authenticators)
        }
    }

    func publish(_ tokens: TokenSnapshot) {
        state.withLock { state in
            state.replaceTokens { $0.stored = tokens }
            state.proxy?.replaceSnapshot(state.snapshot)
        }
    }

    /// - Parameter names: of all tokens that renew themselves, whether or not there is a value.
    func publish(renewed names: Set<TokenName>, _ values: [TokenName: TokenValue]) {
        state.withLock { state in
            guard !names.isEmpty || !state.renewed.names.isEmpty else { return }
            state.replaceTokens { $0.renewed = (names, values) }
            state.proxy?.replaceSnapshot(state.snapshot)
        }
    }

    func publish(_ personal: PersonalTokens) {
        state.withLock { state in
            state.personal = personal
            state.proxy?.replacePersonal(personal)
        }
    }

    func publish(_ pins: [RouteName: RoutePins]) {
        state.withLock { state in
            guard !pins.isEmpty || !state.pins.isEmpty else { return }
            state.pins = pins
            state.proxy?.replaceSnapshot(state.snapshot)
        }
    }

    func publish(_ bearers: BearerSnapshot) {
        state.withLock { state in
            state.bearers = bearers
            Self.send(bearers, to: state.authenticators)
        }
    }

    /// Callers who are denied now are out, those with an open stream included.
    func publish(_ denials: DenyBook) {
        state.withLock { state in
            state.denials = denials
            let rules = state.rules.denying(denials)
            for authenticator in state.authenticators {
                authenticator.loop.execute { authenticator.value.update(rules: rules) }
            }
        }
    }

    /// The session tags that the loops were made with are in force without this call.
    func publish(_ sessions: SessionTags) { state.withLock { $0.proxy?.replaceSessions(sessions) } }

    /// Whether some route takes break-glass credentials.
    var takesBearers: Bool {
        state.withLock { $0.routes.routes.contains { $0.credentials.contains(.bearer) } }
    }

    /// Puts everything that a file decides in force, on each loop in one step: the routes' grants and the policy's deny lists are never from two
    /// files. Verdicts under the old policy are dropped.
    ///
    /// - Parameters:
    ///   - tokens: the tokens of another store; nil keeps the present ones.
    ///   - renewed: the tokens that renew themselves; nil keeps the present ones.
    ///   - denials: the deny entries of another store; nil keeps the present ones.
    func publish(
        _ configuration: Configuration,
        _ authorities: UpstreamAuthorities,
        _ rules: AccessRules,
        _ tokens: TokenSnapshot? = nil,
        renewed: (names: Set<TokenName>, values: [TokenName: TokenValue])? = nil,
        denials: DenyBook? = nil
    ) {
        state.withLock { state in
            state.rules = rules
            state.configurationText = configuration.text
            if let denials { state.denials = denials }
            let rules = rules.denying(state.denials)
            state.routes = configuration.routes
            state.served = Self.served(configuration)
            state.limits = configuration.limits
            state.logging = configuration.log.requests
            state.callGrace = configuration.access.callGrace
            state.authorities = authorities
            state.replaceTokens { state in
                state.personalNames = configuration.personalNames
                if let tokens { state.stored = tokens }
                if let renewed { state.renewed = renewed }
            }
            state.proxy?.replaceSnapshot(state.snapshot) { [authenticators = state.authenticators] index in
                authenticators[index].value.update(rules: rules)
            }
        }
    }

    func bind(proxy: ProxyServer, authenticators: [LoopBound<LoopAuthenticator>]) {
        state.withLock { state in
            state.proxy = proxy
            state.authenticators = authenticators
            if let keys = state.keys { Self.send(keys, to: authenticators) }
            Self.send(state.bearers, to: authenticators)
            proxy.replaceSnapshot(state.snapshot)
            proxy.replacePersonal(state.personal)
        }
    }

    private static func served(_ configuration: Configuration) -> RouteTable {
        configuration.served { (ClientDocument.name, ClientDocument(page: $0).bytes) }
    }

    private static func send(_ keys: SigningKeys, to authenticators: [LoopBound<LoopAuthenticator>]) {
        for authenticator in authenticators {
            authenticator.loop.execute { authenticator.value.update(keys: keys) }
        }
    }

    private static func send(_ bearers: BearerSnapshot, to authenticators: [LoopBound<LoopAuthenticator>]) {
        for authenticator in authenticators {
            authenticator.loop.execute { authenticator.value.update(bearers: bearers) }
        }
    }
}
