internal import GatehouseCore
internal import GatehouseProxy

/// The condition of a route now, judged by its requests and its tokens.
struct RouteCondition: Sendable {
    /// The better ones first.
    enum State: Int, Comparable, Sendable {
        /// No request has come yet.
        case untried
        case answers
        /// The upstream answers now, and did not for a part of the last hour.
        case unsteady
        /// Fails for a part of the requests, or for the last one.
        case degraded
        /// Fails for every request, or would.
        case failing

        static func < (one: State, other: State) -> Bool { one.rawValue < other.rawValue }
    }

    /// The number of minutes whose requests decide the state.
    static let window = 5
    /// One failure in so many requests is tolerated.
    static let borne = 20

    let state: State
    /// The failure, in words that do not change while it lasts.
    let words: String
    let reason: Reason?
    /// Requests of the last hour that the caller was not refused, and those that failed.
    let reached: Int
    let failed: Int

    /// - Parameters:
    ///   - missing: tokens that the route injects and the store does not give.
    ///   - hour: the last hour by minute, the running one last.
    init(_ route: Route, missing: [TokenName], health: RouteHealth, hour: [LastHour.Minute]) {
        (reached, failed) = Self.counts(hour)
        let recent = Self.counts(hour.suffix(Self.window))
        let failure = health.lastFailure
        let why = failure.map { $0.detail.isEmpty ? $0.reason.rawValue : "\($0.reason.rawValue): \($0.detail)" }
        let place = route.upstream.place
        if let name = missing.first {
            (state, reason) = (.failing, .tokenUnavailable)
            words = "the token \(name) is not in the store"
        } else if recent.failed > 0, recent.failed == recent.reached {
            (state, reason) = (.failing, failure?.reason)
            words = "\(place): every request of the last \(Self.window) min failed, \(why ?? "see the log")"
        } else if recent.failed * Self.borne > recent.reached {
            (state, reason) = (.degraded, failure?.reason)
            words =
                "\(place): over \(100 / Self.borne) % of the requests of the last \(Self.window) min failed, "
                + (why ?? "see the log")
        } else if recent.reached == 0, health.isGood == false {
            (state, reason) = (.degraded, failure?.reason)
            words = "\(place): the last request failed, \(why ?? "see the log")"
        } else if failed * Self.borne > reached {
            (state, reason) = (.unsteady, failure?.reason)
            words =
                "\(place): over \(100 / Self.borne) % of the requests of the last hour failed, \(why ?? "see the log")"
        } else {
            (state, reason) = (health.isGood == nil ? .untried : .answers, nil)
            words = ""
        }
    }

    private static func counts(_ minutes: some Sequence<LastHour.Minute>) -> (reached: Int, failed: Int) {
        minutes.reduce(into: (0, 0)) { sum, minute in
            sum.0 += minute.requests - minute.refused
            sum.1 += minute.failed
        }
    }

    /// Nil for a route in good condition, and for one that lacks a token, which has a finding of its own.
    func finding(_ route: Route) -> Finding? {
        guard reason != .tokenUnavailable else { return nil }
        let remedy = Finding.remedy(of: reason, route.name, tokens: route.tokens)
        return switch state {
        case .failing: Finding(.upstream, .fail, route.name.text, words, advice: remedy)
        case .degraded: Finding(.upstream, .warn, route.name.text, words, advice: remedy)
        case .untried, .answers, .unsteady: nil
        }
    }
}
