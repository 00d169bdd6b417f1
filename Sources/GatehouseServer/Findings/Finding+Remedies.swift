internal import GatehouseAudit
internal import GatehouseCore

/// Remedies for failures of requests and events, by their reason, because the remedy for one misleads in the case of another.
extension Finding {
    /// - Parameter tokens: those that the route injects.
    static func remedy(of reason: Reason?, _ route: RouteName, tokens: Set<TokenName> = []) -> String {
        let more = "gatehouse call \(route) asks it now"
        switch reason {
        case .upstreamCredentialRejected:
            let name = tokens.sorted().first ?? route.ownToken
            return
                "the server does not take the token: have a new one made and run gatehouse token rotate \(name); \(more)"
        case .upstreamError:
            return "the server itself fails: its own log says why; \(more)"
        case .upstreamTimeout:
            return
                "the server is too slow or hangs: its own log says why; timeouts.response is how long it may take; \(more)"
        case .upstreamReset, .upstreamMalformed:
            return "what answers there broke off or does not speak HTTP: is it the right port? \(more)"
        case _:
            return "is the container up, and on a network with Gatehouse? \(more)"
        }
    }

    static func remedy(of word: AuditState.Word) -> String {
        let meanwhile = "; requests are refused meanwhile (audit.on_failure)"
        return switch word {
        case .ready: ""
        case .sinkSlow: "look at the load of the sink; the spool keeps events until it takes them"
        case .sinkDown: "bring the sink back: the spool keeps events until it takes them, up to audit.max_spool"
        case .sinkReplaced: "find out who replaced it; what the spool still has is sent again by itself"
        case .sinkUnasked: "gatehouse audit redeliver sends what it may lack, as a user that may read it"
        case .writerDuplicated: "give each instance a spool of its own: one of the two is a copy of the other"
        case .spoolFull: "bring the sink back so that the spool empties, or raise audit.max_spool" + meanwhile
        case .diskFull: "make room on the disk of the spool" + meanwhile
        case .spoolDenied: "give the folder of the spool back to the user that serves" + meanwhile
        case .spoolTruncated: "find out who can write the spool's folder, and give it to this user alone, mode 0700"
        case .spoolGone: "make the folder above the spool again, owned by the user that serves" + meanwhile
        case .spoolBlocked: "look at the disk of the spool and at the folder's owner" + meanwhile
        }
    }
}
