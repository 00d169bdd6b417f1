package import GatehouseConfig
package import GatehouseCore
package import GatehouseServer
internal import GatehouseTokens
internal import Glibc

/// Looks at everything that a configuration rests on, from where it stands. Changes nothing.
package struct Doctor: Sendable {
    /// Room on the spool's disk under which the doctor warns.
    static let lowSpace: Int64 = 1 << 30
    /// Under which it fails.
    static let noSpace: Int64 = 64 << 20

    let configuration: Configuration
    /// The file that it was read from; nil when it is from none.
    let path: String?
    /// The address that clients use, to look from outside; nil to leave that out.
    let publicURL: String?
    let now: Timestamp
    /// The service token with which the doctor opens an event stream at the public URL.
    let serviceToken: ServiceToken?
    /// How soon the first bytes of an event stream must come: Gatehouse sends a comment at once.
    let firstBytes: Duration
    let isContained: Bool
    /// The routes that inject each token.
    let users: [TokenName: [String]]

    package init(
        _ configuration: Configuration,
        path: String? = nil,
        publicURL: String? = nil,
        now: Timestamp = SystemClock().now(),
        serviceToken: ServiceToken? = .ofEnvironment,
        firstBytes: Duration = .seconds(10),
        isContained: Bool = Doctor.runsInContainer
    ) {
        self.configuration = configuration
        self.path = path
        self.publicURL = publicURL
        self.now = now
        self.serviceToken = serviceToken
        self.firstBytes = firstBytes
        self.isContained = isContained
        users = configuration.routes.routes.tokenUsers
    }

    /// Looks at one thing after the other.
    ///
    /// - Parameter found: called with each finding as it is there.
    package func examine(_ found: (Finding) -> Void) async {
        func tell(_ findings: [Finding]) { for finding in findings { found(finding) } }
        func isRead(_ section: Configuration.Section) -> Bool { !configuration.unread.contains(section) }
        tell(file())
        tell(authorities())
        if isRead(.access) {
            tell(await certs())
            tell(await identity())
        }
        if isRead(.stores) { tell(masterKeys()) }
        tell(secretFiles())
        if isRead(.store) {
            let (store, tokens) = await store()
            tell(store)
            // Which of them are refresh tokens, and for no upstream, is not known where that part cannot be read.
            let isWhole = isRead(.tokens) && !configuration.incomplete.contains(.tokens)
            if isWhole { tell(await credentials(tokens)) }
        }
        if isRead(.audit) {
            tell(auditSink())
            tell(spool())
        }
        if isRead(.telemetry) { tell(await telemetry()) }
        if isRead(.routes) {
            for route in configuration.routes.routes { tell([await upstream(route), exposure(route)]) }
        }
        if isRead(.limits) { tell([openFiles()]) }
        tell(await listeners())
        if let publicURL { tell(await outside(publicURL)) }
    }

    /// Whether this process is in a container, where listening on every address reaches no further than its networks.
    package static var runsInContainer: Bool {
        // Podman says it by a variable, too, and by that alone to an image without a /run of its own.
        getenv("container") != nil || ["/.dockerenv", "/run/.containerenv"].contains { FileStatus($0) != nil }
            || FileStatus("/var/run/secrets/kubernetes.io") != nil
    }
}
