package import GatehouseCore

/// A change of what requests depend on, as the audit records it: an event of kind `change`, which belongs to no request.
package struct AuditChange: Sendable {
    /// The column `change`.
    package enum Action: String, Sendable, CaseIterable {
        case tokenSet = "token_set"
        case tokenRotate = "token_rotate"
        case tokenRollback = "token_rollback"
        case tokenDelete = "token_delete"
        case tokenRenew = "token_renew"
        case tokenRevoke = "token_revoke"
        /// A person connected an own token, or put another in its place.
        case tokenConnect = "token_connect"
        case tokenDisconnect = "token_disconnect"
        /// An operator ended what a person had.
        case tokenForget = "token_forget"
        /// A token was copied to another store.
        case tokenMigrate = "token_migrate"
        case keyRotate = "key_rotate"
        case keyAdopt = "key_adopt"
        case bearerIssue = "bearer_issue"
        case bearerRevoke = "bearer_revoke"
        /// Bearers were copied to another place.
        case bearerMigrate = "bearer_migrate"
        /// An operator denied a caller by command, or took that back.
        case denyAdd = "deny_add"
        case denyRemove = "deny_remove"
        /// A tool was approved as it is defined, by an operator or by being seen first; or its definition refused.
        case toolApprove = "tool_approve"
        case toolReject = "tool_reject"
        /// A tool is not defined as it was approved any more, or again.
        case toolChange = "tool_change"
        /// All that was known of a route's tools was destroyed.
        case pinsForget = "pins_forget"
        /// Another configuration is in force. What it gives, takes and turns elsewhere follows in events of the next three.
        case configReload = "config_reload"
        case accessGained = "access_gained"
        case accessLost = "access_lost"
        case routeChanged = "route_changed"
    }

    /// The author of a change: the columns `principal_kind`, `principal` and `subject`.
    package struct Author: Sendable {
        let kind: String
        let name: String
        let subject: String

        /// Gatehouse by itself.
        package static let gatehouse = Author(kind: "gatehouse", name: "", subject: "")

        /// The user who ran a command, by the name that the operating system has or that they gave: nothing proves it.
        package static func `operator`(_ name: String) -> Author { Author(kind: "operator", name: name, subject: "") }

        /// A caller whom an assertion established.
        package static func principal(_ principal: Principal) -> Author {
            Author(kind: principal.kind.rawValue, name: principal.name, subject: principal.subject)
        }
    }

    package let action: Action
    package let author: Author
    /// Nil where the change is of no token.
    package var token: TokenName?
    /// The version that is current afterwards; nil where there is none.
    package var version: Int?
    /// The token's owner; nil where callers share it.
    package var owner: TokenOwner?
    /// The route on whose account it was made; nil where there is none.
    package var route: RouteName?
    /// The place of the change beside the token, as a store's name, or what is changed, in words.
    package var target = ""

    package init(_ action: Action, by author: Author) {
        self.action = action
        self.author = author
    }
}

extension EventEncoder {
    /// Encodes a change to where ``plainLength`` bytes have room, and 8 more, which may be overwritten.
    ///
    /// - Returns: the length.
    static func encode(
        _ change: AuditChange,
        id: EventID,
        _ requestID: RequestID,
        at: Timestamp,
        to start: UnsafeMutableRawPointer
    ) -> Int {
        var fields = begin(id, requestID, .change, at, at: start)
        fields.text(.route, change.route?.text ?? "")
        fields.text(.principalKind, change.author.kind)
        fields.text(.principal, change.author.name)
        fields.text(.subject, change.author.subject)
        fields.text(.target, change.target)
        fields.text(.tokenName, change.token?.text ?? "")
        if let version = change.version { fields.integer(.tokenVersion, Int64(version)) }
        fields.text(.change, change.action.rawValue)
        fields.text(.tokenOwner, change.owner?.text ?? "")
        return fields.place - start
    }
}
