internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseTokens
internal import Logging
internal import SocketLoop
internal import Synchronization

/// The page on which people connect their own tokens, as the configuration in force says it. It listens nowhere: the data path alone leads to it.
final class LiveConnectPage: Sendable {
    struct State: Sendable {
        fileprivate let site: ConnectSite
        fileprivate let store: Configuration.NamedStore?
        /// Nil where no token is personal.
        fileprivate var handler: ConnectHandler?
    }

    private let state: Mutex<State>
    private let keys: LiveKeys
    private let others: ConnectHandler.Others
    private let onChange: @Sendable (ConnectChange) -> Void
    private let logger: Logger

    /// - Parameters:
    ///   - others: the shared tokens.
    ///   - onChange: called once somebody's change is durable; must not block.
    /// - Throws: ``TokenError`` when a master key cannot be read.
    init(
        _ configuration: Configuration,
        keys: LiveKeys,
        logger: Logger,
        others: @escaping ConnectHandler.Others,
        onChange: @escaping @Sendable (ConnectChange) -> Void
    ) throws {
        self.keys = keys
        self.others = others
        self.onChange = onChange
        self.logger = logger
        let site = ConnectAssembly.site(configuration)
        state = Mutex(State(site: site, store: configuration.state))
        let handler = try handler(for: configuration)
        state.withLock { $0.handler = handler }
    }

    /// Makes what a new configuration asks for. Nothing has changed yet.
    ///
    /// - Throws: ``TokenError`` when a master key cannot be read.
    func stage(_ configuration: Configuration) throws -> State {
        let old = state.withLock { $0 }
        let isSame =
            old.store == configuration.state && (old.handler == nil) == configuration.personalTokens.isEmpty
        return State(
            site: ConnectAssembly.site(configuration),
            store: configuration.state,
            handler: isSame ? old.handler : try handler(for: configuration)
        )
    }

    /// Puts it in force. Forms and journeys to a vendor that began under the old one are finished under the new one.
    func commit(_ new: State) { state.withLock { $0 = new } }

    func answer(_ request: LocalRequest) async -> LocalAnswer {
        guard let handler = state.withLock({ $0.handler }) else { return LocalAnswer(status: .notFound, body: "") }
        return await handler.answer(request)
    }

    private func handler(for configuration: Configuration) throws -> ConnectHandler? {
        guard !configuration.personalTokens.isEmpty, let store = try RenewalAssembly.store(configuration) else {
            return nil
        }
        let keys = { @Sendable [keys] in keys.keys(for: .connect) }
        return ConnectHandler(
            site: { [weak self] in self?.state.withLock { $0.site } ?? ConnectAssembly.site(configuration) },
            connector: TokenConnector(
                store: store,
                keys: keys,
                clock: SystemClock(),
                holder: "page-\(UInt64.random(in: .min ... .max))"
            ),
            keys: keys,
            clock: SystemClock(),
            others: others,
            onChange: { [logger, onChange] change in
                logger.info(
                    "a person changed an own token",
                    metadata: [
                        "token": "\(change.token)", "change": "\(change.kind.rawValue)",
                        "token.owner": "\(change.owner)",
                        "principal": "\(change.email)",
                    ]
                )
                onChange(change)
            },
            onProblem: { [logger] problem in
                var metadata: Logger.Metadata = [
                    "problem": "\(problem.failure.message)", "token.owner": "\(problem.owner)",
                    "principal": "\(problem.email)",
                ]
                if let hint = problem.failure.hint { metadata["remedy"] = "\(hint)" }
                logger.warning("a person could not connect an own token", metadata: metadata)
            }
        )
    }
}

extension AuditChange {
    /// As the audit has it: made by the person to whom the token belongs.
    init(_ change: ConnectChange) {
        let person = Principal(kind: .user, name: change.email, subject: change.owner.text)
        self.init(change.kind == .disconnected ? .tokenDisconnect : .tokenConnect, by: .principal(person))
        (token, owner) = (change.token, change.owner)
    }
}
