internal import GatehouseCore

/// The access that callers gain when one route is replaced by another.
enum RouteComparison {
    static func gains(from old: Route?, to new: Route, at point: AccessComparison.Point) -> [AccessGain] {
        func gain(_ kind: AccessGain.Kind, _ words: String, loss: String? = nil) -> AccessGain {
            AccessGain(kind: kind, route: new.name.text, words: words, loss: loss)
        }
        guard let old, isSame(old, new) else {
            return [
                gain(.route, "\(callers(of: new.policy)) may use \(point.host)\(point.path.text), which was not served")
            ]
        }
        var gains = new.audiences.subtracting(old.audiences).sorted()
            .map { gain(.audience, "assertions for the audience \($0) are accepted") }
        for credential in new.credentials.subtracting(old.credentials).map(\.rawValue).sorted() {
            gains.append(gain(.credential, "\(credential) credentials are accepted"))
        }
        if let paths = old.endpoints?.paths {
            let added = new.endpoints.map { $0.paths.filter { !paths.contains($0) }.map { "the path \($0)" } }
            gains += (added ?? ["every path"]).map { gain(.path, "\($0) may be called") }
        }
        for origin in new.cors?.origins ?? [] where old.cors?.origins.contains(origin) != true {
            gains.append(gain(.origin, "pages of \(origin.text) may call it"))
        }
        gains += guardGains(from: old, to: new).map { gain(.unguarded, $0.words, loss: $0.loss) }
        gains += pinGains(from: old, to: new).map { gain(.unpinned, $0.words, loss: $0.loss) }
        guard let before = old.policy.grants else { return gains }
        guard let after = new.policy.grants else {
            let words = "\(callers(of: new.policy)) may use it: it has no 'allow' any more"
            return gains + [
                gain(.allowGone, words, loss: "only \(callers(of: old.policy)) may use it: it has an 'allow'")
            ]
        }
        let isLimited = before.contains { $0.tools != nil || $0.prompts != nil || $0.resources != nil }
        if old.speech == .mcp, new.speech == .http, isLimited {
            let words = "calls are not looked at any more: its protocol is http"
            gains.append(gain(.ungated, words, loss: "calls are looked at: its protocol is mcp"))
        }
        for grant in after {
            for (who, kind) in entries(of: grant.callers) {
                let known = before.filter { other in
                    other.callers.claims.allSatisfy { mine in grant.callers.claims.contains { mine.covers($0) } }
                        && entries(of: other.callers).contains { $0.kind == kind && $0.who.covers(who) }
                }
                let claims = grant.callers.claims.map(\.description).joined(separator: ", ")
                let name = "the \(kind) \(who)" + (claims.isEmpty ? "" : " with the claims { \(claims) }")
                gains += words(grant, over: known).map { gain(.grant, "\(name) may \($0)") }
            }
        }
        return gains
    }

    /// The same upstream under another name, or another one under the same, is the same thing to its callers.
    static func isSame(_ old: Route, _ new: Route) -> Bool { old.name == new.name || old.upstream == new.upstream }

    private static func entries(of callers: Grant.Callers) -> [(who: Glob, kind: String)] {
        callers.users.map { ($0, "user") } + callers.serviceTokens.map { ($0, "service token") }
            + callers.groups.map { ($0, "group") }
    }

    /// The access of a grant beyond the other grants that name the same principals.
    private static func words(_ grant: Grant, over known: [Grant]) -> [String] {
        guard !known.isEmpty else { return ["use it"] }
        let kinds: [(what: String, list: (Grant) -> [Grant.Tool]?)] = [
            ("tool", \.tools), ("prompt", { $0.prompts?.map { Grant.Tool($0) } }),
            ("resource", { $0.resources?.map { Grant.Tool($0) } }),
        ]
        return kinds.flatMap { kind -> [String] in
            // Left out by one of them is everything, for all of them together.
            let lists = known.map(kind.list)
            guard !lists.contains(where: { $0 == nil }) else { return [] }
            guard let targets = kind.list(grant) else { return ["use every \(kind.what)"] }
            let before = lists.flatMap { $0 ?? [] }
            return targets.filter { target in !before.contains { $0.covers(target) } }.map { target in
                // Named before for fewer arguments, or not named at all.
                let isWidened = before.contains { $0.name.covers(target.name) }
                return "use the \(kind.what) \(target.name)\(isWidened ? " with other arguments" : "")"
            }
        }
    }

    /// The secrets that callers may see in answers when less is looked at.
    private static func guardGains(from old: Route, to new: Route) -> [(words: String, loss: String)] {
        guard old.reflection != .off else { return [] }
        guard new.reflection != .off else {
            // A route that injects nothing has nothing to give back.
            guard !new.tokens.isEmpty || new.forwardsAssertion else { return [] }
            return [
                (
                    "a token that its upstream gives back reaches callers: its guard is off",
                    "a token that its upstream gives back does not reach callers: its guard is \(old.reflection.rawValue)"
                )
            ]
        }
        guard new.takesWebSockets, !old.takesWebSockets else { return [] }
        return [("websockets are let through, which are not searched for its token", "websockets are refused")]
    }

    /// The tools that callers may use when they need not be as they were approved.
    private static func pinGains(from old: Route, to new: Route) -> [(words: String, loss: String)] {
        guard let before = old.pin?.mode else { return [] }
        switch (before, new.pin?.mode) {
        case (_, nil):
            return [
                (
                    "tools are used as the upstream lists them: it has no 'pin' any more",
                    "tools are used only as they were approved: its pin is \(before.rawValue)"
                )
            ]
        case (.approved, .firstUse?):
            return [
                (
                    "tools that were never seen need no approval: its pin is first_use",
                    "every tool needs an approval: its pin is approved"
                )
            ]
        case (.approved, .approved?), (.firstUse, _?): return []
        }
    }

    private static func callers(of policy: Policy) -> String {
        guard let grants = policy.grants else { return "everybody whom Access admits" }
        let names = grants.flatMap { entries(of: $0.callers) }.map(\.who.pattern)
        let shown = names.prefix(5).joined(separator: ", ")
        return names.isEmpty ? "nobody" : names.count > 5 ? "\(shown) and \(names.count - 5) more" : shown
    }
}
