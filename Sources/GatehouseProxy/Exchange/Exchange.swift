internal import GatehouseCore
internal import GatehouseMCP
internal import SocketLoop

/// What is known of the request under way: each step of the walk fills in its part, the audit reads all of it.
///
/// A class, because each step would otherwise retain everything that it refers to.
final class Exchange {
    let id: RequestID
    let startedAt: Timestamp
    let started: MonotonicTime
    /// The configuration and tokens in force when the request was routed; a reload does not change them under it.
    var snapshot: ProxySnapshot
    /// The configuration that the exchange's route was last found in: looked at again when another is in force.
    var heldAgainst: ProxySnapshot
    var route: PreparedRoute?
    /// Bytes of the path that the route's prefix covers.
    var prefix = 0
    var caller: Caller?
    var permits: Permits?
    /// The session that the request belongs to, found to be the caller's.
    var session: BoundSession?
    /// Where the legacy transport's tag stands in the head, to be left out upstream.
    var queryTag: ByteRange?
    /// The same at the end of the path.
    var pathTag: ByteRange?
    /// Whether the caller looks for answers on an event stream, and not in the answer to this request.
    var isLegacyPost: Bool { (queryTag != nil || pathTag != nil) && !isSafe }
    /// The path up to the session that it ends with: a row tells a session by its hash only.
    var pathWithoutSession: ByteRange?
    /// What the stream told as the address for posts, until it is noted.
    var endpoint: EndpointAddress?
    /// The hash of the session whose answers the caller looks for on this stream.
    var streamedSession: [UInt8]?
    var call: ReceivedCall?
    /// What belongs to the caller beside the session.
    var owned = OwnedParts()
    /// Who waits for a JSON-RPC answer.
    var waiting = WaitingIDs.none
    /// Whether it is a `subscriptions/listen`, whose answer is a stream without an end of its own.
    var isListening = false
    /// Whether an event stream that answers it is the answer to a call, which has an end.
    var endsByItself: Bool { !isSafe && !isListening }
    /// Whether the answer may list something of which the caller may not see all.
    var mayGetLists = false
    /// The keys that were in force when the request came.
    let tags: SessionTags
    /// The keys that what it presented was last held against.
    var tagsHeldAgainst: SessionTags
    /// What the audit says of the JSON-RPC outcome.
    var rpcError = ""
    var method = RequestMethod.other
    /// On an MCP route the response may carry the answers to calls made elsewhere.
    var isGET: Bool { method == .get }
    /// The rendered lines of the route's injected fields.
    var injected: Secret?
    var refusal: Reason?
    /// Seconds after which the caller may try again, told with a refusal.
    var retryAfter: Int?
    /// The admitted origin of another site's page, which is told so with every answer.
    var crossOrigin: CrossOrigin?
    /// What Gatehouse answers itself without refusing.
    var ownAnswer: OwnAnswer?
    /// Whether a decision was recorded; an outcome is recorded only after one.
    var isDecided = false
    /// Whether the decision was only counted, with others of nobody established; it has no outcome of its own.
    var isCounted = false
    /// Status sent to the client, 0 while none is.
    var status = 0
    var upstreamStatus = 0
    /// Why no connection to the upstream could be had.
    var connectFailure = ""
    /// Body bytes as they stood on the wire.
    var bytesIn: Int64 = 0
    var bytesOut: Int64 = 0
    var upstreamStarted: MonotonicTime?
    var upstreamAnswered: MonotonicTime?
    /// The response has no body whatever its head says.
    var isHead: Bool { method == .head }
    var isOPTIONS: Bool { method == .options }
    /// Whether the route limits the caller in any kind of thing.
    var isLimited: Bool { permits?.restrictsAny ?? true }
    var isSafe: Bool { method.isSafe }
    var version = HTTPVersion.http11
    /// `Host` as the public knows it, for `Location`.
    var authority: [UInt8] = []

    init(id: RequestID, startedAt: Timestamp, started: MonotonicTime, snapshot: ProxySnapshot, tags: SessionTags) {
        self.tags = tags
        tagsHeldAgainst = tags
        self.id = id
        self.startedAt = startedAt
        self.started = started
        self.snapshot = snapshot
        heldAgainst = snapshot
    }
}
