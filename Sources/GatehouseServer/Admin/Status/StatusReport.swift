internal import AccessIdentity
internal import GatehouseAudit
internal import GatehouseCore
internal import GatehouseProxy
internal import GatehouseTokens

/// An instance's status in words: sections of terms and tables, written as plain text or as Markdown.
struct StatusReport {
    struct Section {
        let title: String
        var terms: [(name: String, words: String)] = []
        var columns: [String] = []
        var rows: [[String]] = []
        /// Said in place of a table without rows.
        var none = "none"
    }

    let title: String
    let date: String
    let sections: [Section]

    init(_ facts: StatusFacts) {
        title = "Gatehouse \(facts.version): \(StatusPage(facts: facts).headline.words)"
        date = StatusPage.clock(facts.now)
        sections = [
            Self.problems(facts), Self.instance(facts), Self.fleet(facts), Self.readiness(facts),
            Self.configuration(facts),
            Self.routes(facts),
            Self.tokens(facts), Self.denials(facts), Self.keys(facts), Self.audit(facts),
        ].compactMap { $0 }
    }

    private static func instance(_ facts: StatusFacts) -> Section {
        var section = Section(title: "Instance")
        section.terms = [
            ("version", facts.version), ("running since", moment(facts.startedAt, facts.now)),
            ("open requests and streams", "\(facts.openExchanges)"), ("open connections", "\(facts.openConnections)"),
        ]
        return section
    }

    /// Nil where there is no fleet.
    private static func fleet(_ facts: StatusFacts) -> Section? {
        guard let fleet = facts.instance.fleet else { return nil }
        var section = Section(title: "Instances")
        section.terms = [("store", fleet.store)]
        if let problem = fleet.problem { section.terms.append(("problem", problem)) }
        if fleet.strangers > 0 { section.terms.append(("rows that no instance wrote", "\(fleet.strangers)")) }
        section.columns = ["instance", "version", "running since", "seen", "configuration"]
        section.rows = fleet.instances.map { instance in
            let isOwn = instance.card.id == fleet.own
            return [
                instance.card.name + (isOwn ? " (this one)" : ""), instance.card.version,
                moment(instance.card.since, facts.now),
                fleet.isGone(instance)
                    ? "gone, \(StatusWords.span(instance.age)) ago"
                    : isOwn ? "now" : "\(StatusWords.span(instance.age)) ago",
                String(instance.card.configuration.prefix(12)) + (fleet.differs(instance) ? ", another one" : ""),
            ]
        }
        return section
    }

    private static func problems(_ facts: StatusFacts) -> Section {
        var section = Section(title: "What is wrong")
        section.none = "nothing"
        section.columns = ["verdict", "what", "says", "remedy", "runbook"]
        section.rows = facts.instance.findings.map { finding in
            [
                finding.verdict.rawValue,
                finding.subject.isEmpty ? finding.probe.rawValue : "\(finding.probe.rawValue) \(finding.subject)",
                finding.detail, finding.advice ?? "–", finding.probe.runbook,
            ]
        }
        return section
    }

    private static func readiness(_ facts: StatusFacts) -> Section {
        var section = Section(title: "Readiness")
        section.columns = ["part", "state", "says"]
        section.rows = facts.readiness.checks.map { [$0.name, $0.isReady ? "ok" : "FAIL", $0.detail] }
        return section
    }

    private static func configuration(_ facts: StatusFacts) -> Section {
        var section = Section(title: "Configuration")
        let reload = facts.reload
        section.terms = [("in force since", moment(reload.loadedAt, facts.now))]
        if let last = reload.lastAttempt {
            let word = reload.holding != nil ? "held" : reload.succeeded ? "taken" : "refused"
            section.terms.append(("last reload", "\(word), \(moment(last, facts.now))"))
        }
        if !reload.waiting.isEmpty {
            section.terms.append(("waits for a restart", reload.waiting.joined(separator: ", ")))
        }
        if let holding = reload.holding { section.terms.append(("held", holding)) }
        for problem in reload.problems { section.terms.append(("refused", problem)) }
        if let file = facts.file {
            section.terms.append(("file", file.path))
            section.terms.append(("on disk", file.words))
        }
        return section
    }

    private static func routes(_ facts: StatusFacts) -> Section {
        var section = Section(title: "Routes")
        section.columns = ["route", "at", "upstream", "guard", "state", "last success", "last failure"]
        section.rows = facts.routes.map { route in
            let health = facts.traffic.health[route.name] ?? RouteHealth()
            let missing = facts.missingTokens(of: route)
            let state =
                missing.isEmpty
                ? health.isGood.map { $0 ? "ok" : "FAIL" } ?? "not asked yet"
                : "FAIL, no token \(missing.joined(separator: ", "))"
            let failure = health.lastFailure.map { "\(moment($0.at, facts.now)): \($0.reason.rawValue)" }
            return [
                route.name.text, "\(route.host)\(route.path.text)", route.upstream.authority, route.guardWords, state,
                health.lastAnswer.map { moment($0, facts.now) } ?? "–", failure ?? "–",
            ]
        }
        return section
    }

    private static func tokens(_ facts: StatusFacts) -> Section {
        var section = Section(title: "Tokens")
        var store = "\(facts.storeName), kind \(facts.storeKind)"
        if let age = facts.store.age(at: facts.now) { store += ", read \(StatusWords.span(age)) ago" }
        if facts.store.stale > 0 { store += ", \(facts.store.stale) served though the store no longer gives them" }
        section.terms = [("store", store)]
        if let problem = facts.tokensProblem ?? facts.store.error?.message {
            section.terms.append(("problem", problem))
        }
        section.columns = ["token", "version", "age", "ends", "fingerprint", "state"]
        section.rows = facts.tokens.map { token in
            [
                token.name.text, "\(token.version)",
                token.createdAt.map { StatusWords.span(facts.now - $0) } ?? "not known",
                token.expiresAt.map { StatusWords.until($0, facts.now) } ?? "not said", token.fingerprint?.text ?? "–",
                StatusWords.state(of: token, facts.now).words,
            ]
        }
        for (name, state) in facts.instance.renewals.sorted(by: { $0.key < $1.key }) {
            section.rows.append([
                name.text, state.version > 0 ? "\(state.version)" : "–",
                state.issuedAt.map { StatusWords.span(facts.now - $0) } ?? "–",
                state.expiresAt.map { StatusWords.until($0, facts.now) } ?? "not said", "–",
                "renews itself: \(StatusWords.state(of: state))" + (state.problem.map { ", \($0)" } ?? ""),
            ])
        }
        for name in facts.missingTokens { section.rows.append([name, "–", "–", "–", "–", "missing"]) }
        return section
    }

    /// Nil where nobody is denied by command.
    private static func denials(_ facts: StatusFacts) -> Section? {
        guard let denials = facts.instance.denials, denials.problem != nil || !(denials.entries ?? []).isEmpty else {
            return nil
        }
        var section = Section(title: "Denied by command")
        section.terms = [("store", denials.store)]
        if let problem = denials.problem { section.terms.append(("problem", problem)) }
        section.columns = ["denied", "by", "since", "note"]
        section.rows = (denials.entries ?? []).map {
            ["\($0)", $0.by, moment($0.at, facts.now), $0.note.isEmpty ? "–" : $0.note]
        }
        return section
    }

    private static func keys(_ facts: StatusFacts) -> Section {
        var section = Section(title: "Signing keys of Access")
        let keys = facts.keys
        section.terms = [("state", keys.isReady(now: facts.now.seconds) ? "verifying" : "none usable")]
        if let fetched = keys.fetchedAt {
            section.terms.append(("fetched", moment(Timestamp(seconds: fetched), facts.now)))
        }
        if let until = keys.servesUntil { section.terms.append(("serve until", Timestamp(seconds: until).rfc3339)) }
        section.terms.append(("key ids", keys.keyIDs.isEmpty ? "none" : keys.keyIDs.joined(separator: ", ")))
        if let failure = keys.lastFailure, failure.at >= keys.fetchedAt ?? 0 {
            section.terms.append(("last failure", failure.message))
        }
        if let identities = facts.instance.identities {
            section.terms.append(("identities", StatusWords.identities(identities, facts.now)))
        }
        return section
    }

    private static func audit(_ facts: StatusFacts) -> Section {
        var section = Section(title: "Audit")
        let audit = facts.audit
        let waiting = "\(audit.depthEvents) events, \(StatusWords.bytes(audit.depthBytes))"
        section.terms = [
            ("state", audit.word.rawValue), ("recorded", "\(audit.recorded) events since the start"),
            ("lost", "\(audit.lostDecisions + audit.lostOutcomes)"), ("wait in the spool", waiting),
            ("the sink is behind by", StatusWords.span(audit.lag)),
        ]
        if let trouble = audit.writerTrouble ?? audit.sinkTrouble { section.terms.append(("trouble", "\(trouble)")) }
        if let telemetry = facts.instance.telemetry {
            section.terms.append(("telemetry", "\(StatusWords.telemetry(telemetry)), to \(telemetry.url)"))
        }
        if let credentials = facts.credentials {
            let names = credentials.map { "\($0.name) (\(StatusWords.until($0.expiresAt, facts.now)))" }
            section.terms.append(
                ("break-glass credentials alive", names.isEmpty ? "none" : names.joined(separator: ", "))
            )
        }
        return section
    }

    private static func moment(_ time: Timestamp, _ now: Timestamp) -> String {
        "\(StatusPage.clock(time)) (\(StatusWords.ago(time, now)))"
    }

}

extension StatusReport {
    var text: String {
        var lines = ["\(title), \(date)"]
        for section in sections {
            lines += ["", section.title]
            let width = section.terms.map(\.name.count).max() ?? 0
            for term in section.terms {
                // A refused file's problem has several lines.
                let words = term.words.split(separator: "\n", omittingEmptySubsequences: false)
                let gap = String(repeating: " ", count: width + 4)
                lines.append("  \(Self.padded(term.name, width))  \(words.joined(separator: "\n\(gap)"))")
            }
            guard !section.columns.isEmpty else { continue }
            guard !section.rows.isEmpty else {
                lines.append("  \(section.none)")
                continue
            }
            let rows = [section.columns] + section.rows
            let widths = section.columns.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
            for row in rows {
                var line = "  "
                for (index, cell) in row.enumerated() {
                    line += index == row.count - 1 ? cell : Self.padded(cell, widths[index]) + "  "
                }
                lines.append(line)
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    var markdown: String {
        var lines = ["# \(Self.cell(title))", "", "As of \(date)."]
        for section in sections {
            lines += ["", "## \(section.title)", ""]
            for term in section.terms { lines.append("- \(term.name): \(Self.cell(term.words))") }
            guard !section.columns.isEmpty else { continue }
            if !section.terms.isEmpty { lines.append("") }
            guard !section.rows.isEmpty else {
                lines.append("None.")
                continue
            }
            lines.append("| " + section.columns.joined(separator: " | ") + " |")
            lines.append("|" + String(repeating: "---|", count: section.columns.count))
            for row in section.rows { lines.append("| " + row.map(Self.cell).joined(separator: " | ") + " |") }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// Text on one line that Markdown takes for text: an upstream's words must not become a link, markup or another column.
    private static func cell(_ text: String) -> String {
        text.reduce(into: "") { cell, character in
            switch character {
            case "\n", "\r", "\r\n": cell += " "
            case "\\", "`", "*", "_", "[", "]", "<", ">", "|", "#", "&", "!": cell += "\\\(character)"
            case _: cell.append(character)
            }
        }
    }
}
