package import GatehouseCore

/// Selects the events to read. A filter that is nil lets everything through.
package struct AuditQuery: Sendable, Hashable {
    package enum Kind: String, Sendable, CaseIterable {
        case request
        case change
    }

    package enum Order: Sendable {
        case oldestFirst
        case newestFirst
    }

    /// The earliest time of an event, inclusive.
    package var from: Timestamp?
    /// The latest time of an event, exclusive.
    package var until: Timestamp?
    /// Requests are messages' decisions and outcomes.
    package var kind: Kind?
    package var route: String?
    /// The token that was sent upstream, or changed.
    package var token: String?
    /// Exact, or with `*` for any characters; so is ``target``.
    package var principal: String?
    package var target: String?
    /// Whether the decision was to allow.
    package var isAllowed: Bool?
    package var reason: String?
    /// The caller's address; `*` stands for any characters.
    package var clientIP: String?
    /// The status of the answer to the caller.
    package var status: ClosedRange<Int64>?
    /// Digests of which the call's arguments have one; empty for all calls.
    package var digests: [String] = []
    package var requestID: RequestID?
    /// Whether only messages whose request has ended are selected.
    package var isEnded = false
    /// Rows at most; nil for all.
    package var limit: Int?
    package var order = Order.oldestFirst

    package init() {}
}

/// A store from which events are read. Used by one thread at a time.
package protocol AuditArchive: AnyObject {
    /// Hands over events one by one, without holding them, until `body` returns false. An outcome matches when it or the decision of
    /// its request does.
    func events(_ query: AuditQuery, _ body: (AuditEvent) -> Bool) throws(AuditError)

    /// The same with one row a message: its decision, and in the same event the columns of its request's outcome. A request without a batch
    /// is one message.
    func messages(_ query: AuditQuery, _ body: (AuditEvent) -> Bool) throws(AuditError)

    /// How many events the query finds.
    func count(_ query: AuditQuery) throws(AuditError) -> Int

    /// How many messages the query finds.
    func messageCount(_ query: AuditQuery) throws(AuditError) -> Int

    /// Every writer that has events here, but for names that are no text.
    func writers() throws(AuditError) -> [String]

    /// Every writer that has heads here.
    func headWriters() throws(AuditError) -> [String]

    /// Runs `body` on what is stored at one moment.
    func snapshot(_ body: () throws(AuditError) -> Void) throws(AuditError)

    /// Why the database will not be able to hold every event, for `doctor`; nil when it will.
    func encodingTrouble() throws(AuditError) -> String?

    /// The time by the database's own clock; nil when it has none.
    func clock() throws(AuditError) -> Timestamp?

    /// Why events stand in two places, for `doctor`; nil when they do not.
    func splitTrouble() throws(AuditError) -> String?

    /// The faults of the tables and the view themselves.
    func faults() throws(AuditError) -> [StoreFault]

    /// The place behind the newest event, from which ``events(after:_:limit:)`` follows.
    func end() throws(AuditError) -> AuditPlace

    /// Messages whose request has ended since, and the place behind their outcomes.
    func messages(endedAfter place: AuditPlace, _ query: AuditQuery, limit: Int) throws(AuditError) -> (
        messages: [AuditEvent], place: AuditPlace
    )

    /// Events that were stored since, those of one writer in their order, and the place behind them: what `tail --follow` polls.
    func events(after place: AuditPlace, _ query: AuditQuery, limit: Int) throws(AuditError) -> (
        events: [AuditEvent], place: AuditPlace
    )

    /// Hands over the stored events of one writer, ordered by sequence, until `body` returns false: the input of `verify`.
    func chain(of writer: String, _ body: (ChainRow) -> Bool) throws(AuditError)

    /// The heads and checkpoints of a writer.
    func heads(of writer: String) throws(AuditError) -> [AuditHead]
}

/// A place in the chain of every writer: an archive stores those of one writer in their order, whatever becomes of others.
package struct AuditPlace: Hashable, Sendable {
    var sequences: [String: Int64] = [:]
}
