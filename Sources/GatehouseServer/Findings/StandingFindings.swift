/// Decides which findings are logged now: each when it begins, again while it lasts, and once when it has ended. A machine without clock; times are
/// since any fixed point. Bounded by the number of possible findings: the probes times their subjects.
struct StandingFindings {
    /// A failure is said again after this.
    static let failureInterval: Duration = .seconds(300)
    /// A warning is said again after this: it may stand for days, as before a token ends.
    static let warningInterval: Duration = .seconds(3600)
    /// A finding whose words change is logged no sooner than this after the last time.
    static let changeInterval: Duration = .seconds(60)
    /// A finding that is gone for less has not ended, so that one that comes and goes each second does not fill the log.
    static let settlingTime: Duration = .seconds(3)

    enum Word: Sendable {
        case began, lasts, ended
    }

    private struct Place: Hashable {
        let probe: Finding.Probe
        let subject: String
    }

    private struct Standing {
        var said: Finding
        var saidAt: Duration
        var goneAt: Duration?
    }

    private var standing: [Place: Standing] = [:]

    /// - Parameter findings: all that are there now; those that are well count for nothing.
    /// - Returns: what is to be said, in their order, and what has ended behind it.
    mutating func update(_ findings: [Finding], at now: Duration) -> [(word: Word, finding: Finding)] {
        var said: [(Word, Finding)] = []
        var present: Set<Place> = []
        for finding in findings where finding.verdict != .ok {
            let place = Place(probe: finding.probe, subject: finding.subject)
            guard present.insert(place).inserted else { continue }
            guard let old = standing[place] else {
                standing[place] = Standing(said: finding, saidAt: now)
                said.append((.began, finding))
                continue
            }
            standing[place]?.goneAt = nil
            let silence = now - old.saidAt
            let interval = finding.verdict == .fail ? Self.failureInterval : Self.warningInterval
            let isWorse = finding.verdict > old.said.verdict
            guard isWorse || silence >= interval || finding != old.said && silence >= Self.changeInterval else {
                continue
            }
            standing[place]?.said = finding
            standing[place]?.saidAt = now
            said.append((.lasts, finding))
        }
        for (place, old) in standing where !present.contains(place) {
            guard let gone = old.goneAt else {
                standing[place]?.goneAt = now
                continue
            }
            guard now - gone >= Self.settlingTime else { continue }
            standing[place] = nil
            said.append((.ended, old.said))
        }
        return said
    }
}
