internal import GatehouseCore
internal import GatehouseMCP

/// The session that a request names, once it is known to be the caller's, and where its tags stand in the head: they are left out upstream.
struct PresentedSession {
    var bound: BoundSession?
    /// The tag of the legacy transport's session in the query.
    var queryTag: ByteRange?
    /// The same at the end of the path.
    var pathTag: ByteRange?
    /// The path up to the session that it ends with: an audit row has a session's hash only.
    var pathWithoutSession: ByteRange?

    var isLegacy: Bool { queryTag != nil || pathTag != nil }
}

/// The legacy transport's event stream that a response is: where its client posts, and whose session it carries.
struct LegacyStream {
    /// The address for posts that the stream named, until it is registered.
    var endpoint: EndpointAddress?
    /// The hash of the session whose answers the caller looks for on this stream.
    var session: [UInt8]?
}
