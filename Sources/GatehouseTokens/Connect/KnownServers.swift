internal import GatehouseCore

/// The authorization servers that connections were found to have, for a while: that people look at a page must not make Gatehouse ask for documents
/// each time.
package actor KnownServers {
    /// How long what was found is taken as it is.
    static let lifetime: Duration = .seconds(600)
    /// How long a server that was not found is not asked again.
    static let failureLifetime: Duration = .seconds(10)
    /// Servers that are remembered. Beyond it all are found anew.
    static let maximum = 256

    private struct Place: Hashable {
        let resource: WebURL
        let authoritiesFile: String?
    }

    private struct Finding {
        let outcome: Task<Result<AuthorizationServer, ConnectFailure>, Never>
        var until: Timestamp
    }

    private var findings: [Place: Finding] = [:]
    private let clock: any WallClock
    private let send: IssuerRequest.Send

    init(clock: any WallClock, send: @escaping IssuerRequest.Send) {
        self.clock = clock
        self.send = send
    }

    /// One that is being found is waited for, and not asked twice.
    func server(of connection: OAuthConnection) async throws(ConnectFailure) -> AuthorizationServer {
        switch connection.server {
        case .told(let told): return AuthorizationServer(told)
        case .discovered(let resource):
            let place = Place(resource: resource, authoritiesFile: connection.authoritiesFile)
            let now = clock.now()
            if let known = findings[place], now < known.until { return try await known.outcome.value.get() }
            if findings.count >= Self.maximum { findings = [:] }
            let discovery = AuthorizationDiscovery(
                reach: connection.reach,
                authoritiesFile: connection.authoritiesFile,
                send: send
            )
            let outcome = Task { () -> Result<AuthorizationServer, ConnectFailure> in
                do throws(ConnectFailure) { return .success(try await discovery.server(of: resource)) } catch {
                    return .failure(error)
                }
            }
            findings[place] = Finding(outcome: outcome, until: now + Self.lifetime)
            let result = await outcome.value
            if case .failure = result { findings[place]?.until = clock.now() + Self.failureLifetime }
            return try result.get()
        }
    }
}
