internal import AccessIdentity
internal import CurlClient
internal import GatehouseConfig
internal import GatehouseCore
internal import Logging
internal import Synchronization

/// The source of identities that is in force; a reload that changes nothing about it keeps it, with all that it knows.
final class LiveIdentities: Sendable {
    private struct Current {
        let settings: IdentitySettings
        let wanted: CallerAttributes.Wanted
        let source: IdentitySource
    }

    private let current = Mutex<Current?>(nil)
    private let logger: Logger

    init(logger: Logger) { self.logger = logger }

    /// The rules of a configuration. Its source is in force from now on.
    ///
    /// - Parameter issuer: whose keys are in use, when it is not the one that the file names.
    func rules(_ configuration: Configuration, issuer: Issuer? = nil) -> AccessRules {
        let wanted = configuration.wantedAttributes
        let access = configuration.access
        guard let settings = access.identity(of: issuer ?? access.issuer), !wanted.isNothing else {
            current.withLock { $0 = nil }
            return AccessRules(policy: AccessAssembly.policy(configuration, issuer: issuer))
        }
        let source = current.withLock { current in
            if let current, current.settings == settings, current.wanted == wanted { return current.source }
            let source = self.source(settings, wanted)
            current = Current(settings: settings, wanted: wanted, source: source)
            return source
        }
        return AccessRules(
            policy: AccessAssembly.policy(configuration, issuer: issuer),
            identities: AccessRules.Identities(source: source, settings: settings)
        )
    }

    /// Nil where nobody's identity is fetched.
    func state() async -> IdentityState? {
        guard let current = current.withLock({ $0 }) else { return nil }
        return IdentityState(settings: current.settings, status: await current.source.status)
    }

    private func source(_ settings: IdentitySettings, _ wanted: CallerAttributes.Wanted) -> IdentitySource {
        IdentitySource(
            options: IdentitySource.Options(
                refresh: settings.refresh.microseconds / 1_000_000,
                maximumStaleness: settings.maxStale.microseconds / 1_000_000,
                wanted: wanted
            ),
            fetch: { assertion, time in
                try await IdentityEndpoint.ask(settings.url, with: assertion, within: time)
            },
            onRefusal: { [logger] failure in
                // An endpoint that cannot be asked is a finding; this concerns one person, whom the audit names.
                logger.warning("the identity endpoint speaks against an assertion", metadata: ["problem": "\(failure)"])
            }
        )
    }
}
