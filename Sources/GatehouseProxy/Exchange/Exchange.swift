internal import GatehouseCore
internal import GatehouseMCP
internal import SocketLoop

/// One request and its response. Each phase adds its result; metrics, log and audit read them.
///
/// A class, because each phase would otherwise retain everything that it refers to.
final class Exchange {
    let id: RequestID
    let startedAt: Timestamp
    let started: MonotonicTime
    let method: RequestMethod
    let version: HTTPVersion
    /// Another proxy asks about the request, and forwards it itself.
    let isQuestion: Bool
    /// The keys that were in force when the request came.
    let tags: SessionTags
    /// The keys that its parts were last held against.
    private(set) var tagsHeldAgainst: SessionTags
    /// The configuration and tokens in force when the request was routed; a reload does not change them under it.
    private(set) var snapshot: ProxySnapshot
    /// The configuration that the exchange's route was last found in: looked at again when another is in force.
    private(set) var heldAgainst: ProxySnapshot

    private(set) var route: PreparedRoute?
    /// Bytes of the path that the route's prefix covers.
    private(set) var prefix = 0
    private(set) var caller: Caller?
    private(set) var permits: Permits?
    /// The wait of an undecided verdict, until it begins.
    var wait: AssertionWait?
    /// The admitted origin of another site's page, named in every answer.
    var crossOrigin: CrossOrigin?
    var session = PresentedSession()
    var call = PresentedCall()
    /// The request's span; nil where none are recorded.
    var trace: TraceFields?
    /// The rendered lines of the route's injected fields.
    var injected: Secret?
    /// The secrets that the answer must not hold; nil where none are looked for.
    var secrets: SecretPatterns?
    /// The tools as they were approved, on a route that pins them: those in force, while a stream lasts.
    var pins: RoutePins?
    /// On a route whose token is each caller's own.
    var personal: PersonalUse?
    /// `Host` as the public knows it, for `Location`.
    var authority: [UInt8] = []
    private(set) var decision = Decision.open
    var upstream = UpstreamFacts()
    var answer = AnswerFacts()
    /// Body bytes as they stood on the wire.
    private(set) var bytesIn: Int64 = 0
    private(set) var bytesOut: Int64 = 0

    /// The state of the decision in the audit.
    enum Decision: Equatable {
        case open
        case recorded
        /// The decision was only counted, with others that have no established caller, and has no outcome of its own.
        case counted
    }

    init(
        id: RequestID,
        startedAt: Timestamp,
        started: MonotonicTime,
        method: RequestMethod = .other,
        version: HTTPVersion = .http11,
        isQuestion: Bool = false,
        snapshot: ProxySnapshot,
        tags: SessionTags
    ) {
        self.id = id
        self.startedAt = startedAt
        self.started = started
        self.method = method
        self.version = version
        self.isQuestion = isQuestion
        self.snapshot = snapshot
        self.tags = tags
        tagsHeldAgainst = tags
        heldAgainst = snapshot
    }

    // MARK: - Phases

    /// The request is judged by another configuration from now on: it waited meanwhile, and is routed anew.
    func judge(by new: ProxySnapshot) {
        snapshot = new
        heldAgainst = new
    }

    /// Goes on after the wait for a newer token, under another configuration whose decision is the same.
    func resumes(under new: ProxySnapshot, on route: PreparedRoute, injecting lines: Secret) {
        snapshot = new
        self.route = route
        injected = lines
    }

    func routed(to route: PreparedRoute, prefix: Int) {
        self.route = route
        self.prefix = prefix
        pins = route.pins
    }

    func established(_ caller: Caller) { self.caller = caller }
    func grants(_ permits: Permits) { self.permits = permits }

    func decided(_ receipt: AuditReceipt) {
        if case .counted = receipt { decision = .counted } else { decision = .recorded }
    }

    func received(_ count: Int) { bytesIn += Int64(count) }
    func sent(_ count: Int) { bytesOut += Int64(count) }

    /// - Returns: whether the exchange was not yet held against this configuration.
    func isNew(_ snapshot: ProxySnapshot) -> Bool {
        guard heldAgainst !== snapshot else { return false }
        heldAgainst = snapshot
        return true
    }

    /// - Returns: whether the exchange was not yet held against these keys.
    func isNew(_ tags: SessionTags) -> Bool {
        guard tagsHeldAgainst !== tags else { return false }
        tagsHeldAgainst = tags
        return true
    }

    // MARK: - What follows from them

    /// The token that renews itself, whose owner, if it has one, and the version that was sent.
    var renewed: (name: TokenName, owner: TokenOwner?, version: Int)? {
        guard let personal else { return route?.renewed.map { ($0.name, nil, $0.version) } }
        guard case .own(let version, renews: true) = personal.given else { return nil }
        return (personal.token, personal.owner, version)
    }

    var isSafe: Bool { method.isSafe }
    /// The response has no body whatever its head says. A question is a GET, whatever it asks about.
    var isHead: Bool { method == .head && !isQuestion }
    /// Whether the route limits the caller in any kind of thing.
    var isLimited: Bool { permits?.restrictsAny ?? true }
    /// Whether the caller looks for answers on an event stream, and not in the answer to this request.
    var isLegacyPost: Bool { session.isLegacy && !isSafe }
    /// Whether an event stream that answers it is the answer to a call, which has an end.
    var endsByItself: Bool { !isSafe && !call.isListening }
}
