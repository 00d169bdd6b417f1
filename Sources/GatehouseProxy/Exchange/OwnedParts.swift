internal import GatehouseMCP

/// What of a request and its answer belongs to the caller, beside the session: see ``OwnedTags``.
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
