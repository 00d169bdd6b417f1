internal import GatehouseCore
internal import GatehouseMCP

/// The JSON-RPC calls of a request, as far as the gate has read them.
struct PresentedCall {
    /// The body where it lies; none once it is forwarded.
    var received: ReceivedCall?
    /// The requests that wait for an answer.
    var waiting = WaitingIDs.none
    var owned = OwnedParts()
    /// Whether it is a `subscriptions/listen`, whose answer is a stream without an end of its own.
    var isListening = false
    /// Whether the answer may list something of which the caller may not see all.
    var mayGetLists = false
    /// Whether it begins a session of a client that opens addresses for its user.
    var opensAddresses = false
    /// The answer to a caller without an own token.
    var offer: ConnectOffer?
}

/// The parts of a request and its answer that belong to the caller, beside the session: see ``OwnedTags``.
struct OwnedParts {
    /// The tags in the body, which are left out upstream.
    var cuts = TagCuts()
    /// `Mcp-Name` as the upstream gets it, when it names a task; else empty.
    var name: [UInt8] = []
    /// Whether the body or `Last-Event-ID` was taken by a key that is not the current one.
    var isUnderOlderKey = false
    var event = RequestRewrite.Untagging.Event.passes
    /// Whether an answer in JSON may hand something out.
    var isHandedOut = false
    /// The call that a `requestState` in the answer is the rest of.
    var call: (method: RPCMethod, target: ShortBytes)?
    /// Whether the answer is for this caller alone, so that no cache may give it to another.
    var isPrivate = false
}
