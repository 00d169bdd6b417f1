internal import AccessIdentity
internal import GatehouseAudit
internal import GatehouseCore
internal import GatehouseTokens

/// The sections on keys, tokens, audit and configuration.
extension StatusPage {
    /// The findings, each with its remedy; no section when there is none.
    func problems(_ html: inout HTMLText) {
        let findings = facts.instance.findings
        guard !findings.isEmpty else { return }
        html.markup("<section><h2>What is wrong</h2><ul class=\"problems\">")
        for finding in findings.sorted(by: { $0.verdict > $1.verdict }) {
            let isFailure = finding.verdict == .fail
            html.element("li") { item in
                item.element("span", isFailure ? "fails" : "warning", class: isFailure ? "pill bad" : "pill warn")
                item.element("span") { words in
                    words.runbook(finding.probe.runbook, finding.probe.rawValue)
                    words.words(finding.subject.isEmpty ? ": " : " \(finding.subject): ")
                    words.words(finding.detail)
                    if let advice = finding.advice { words.element("small", advice) }
                }
            }
        }
        html.markup("</ul></section>")
    }

    func readiness(_ html: inout HTMLText) {
        html.markup("<section><h2>Readiness</h2><dl>")
        let readiness = Readiness(facts.instance)
        for check in readiness.checks {
            let words: (String, StaticString) =
                switch (check.isReady, readiness.isUneven(check)) {
                case (false, _): ("missing", "pill bad")
                case (true, true): ("in part", "pill warn")
                case (true, false): ("ok", "pill good")
                }
            html.element("dt", check.name)
            html.element("dd") { cell in
                cell.element("span", words.0, class: words.1)
                cell.words(" \(check.detail)")
            }
        }
        html.markup("</dl></section>")
    }

    func configuration(_ html: inout HTMLText) {
        let reload = facts.instance.reload
        html.markup("<section><h2>Configuration</h2><dl>")
        term("in force since", StatusWords.ago(reload.loadedAt, facts.now), reload.loadedAt.rfc3339, &html)
        let last = reload.lastAttempt
        html.element("dt", "last reload")
        html.element("dd") { cell in
            guard let last else { return cell.words("none since the start") }
            let word = reload.holding != nil ? "held" : reload.succeeded ? "taken" : "refused"
            cell.element("span", word, class: reload.succeeded ? "pill good" : "pill bad")
            cell.words(" \(StatusWords.ago(last, facts.now))")
        }
        if !reload.waiting.isEmpty {
            html.element("dt", "waits for a restart")
            html.element("dd") { cell in
                cell.element("span", reload.waiting.joined(separator: ", "), class: "pill warn")
            }
        }
        html.markup("</dl>")
        if !reload.succeeded {
            html.element("pre", reload.holding ?? reload.problems.joined(separator: "\n\n"))
        }
        html.markup("</section>")
    }

    func tokens(_ html: inout HTMLText) {
        html.markup("<section><h2>Tokens</h2>")
        if let problem = facts.tokensProblem ?? facts.instance.store.error?.message { html.element("pre", problem) }
        guard !facts.tokens.isEmpty else {
            if facts.instance.renewals.isEmpty { html.markup("<p class=\"none\">None.</p>") }
            renewals(&html)
            return store(&html)
        }
        html.markup("<table class=\"tokens\"><thead><tr><th>token</th><th>version</th><th>age</th><th>ends</th>")
        html.markup("<th>fingerprint</th><th>state</th></tr></thead><tbody>")
        for token in facts.tokens {
            html.element("tr") { row in
                row.element("td", token.name.text, label: "token")
                row.element("td", "\(token.version)", label: "version")
                let age = token.createdAt.map { StatusWords.span(facts.now - $0) }
                row.element("td", age ?? "not known", title: token.createdAt?.rfc3339, label: "age")
                row.element("td", label: "ends") { ends(token.expiresAt, &$0) }
                row.element("td", label: "fingerprint") { $0.element("code", token.fingerprint?.text ?? "–") }
                row.element("td", label: "state") { cell in
                    let state = StatusWords.state(of: token, facts.now)
                    cell.element("span", state.words, class: state.isGood ? "pill good" : "pill bad")
                }
            }
        }
        html.markup("</tbody></table>")
        renewals(&html)
        store(&html)
    }

    /// Those that renew themselves; nothing where there are none.
    private func renewals(_ html: inout HTMLText) {
        guard !facts.instance.renewals.isEmpty else { return }
        html.markup("<h3>Tokens that renew themselves</h3>")
        html.markup("<table class=\"tokens\"><thead><tr><th>token</th><th>version</th><th>age</th><th>ends</th>")
        html.markup("<th>renewed next</th><th>state</th></tr></thead><tbody>")
        for (name, state) in facts.instance.renewals.sorted(by: { $0.key < $1.key }) {
            html.element("tr") { row in
                row.element("td", name.text, label: "token")
                row.element("td", state.version > 0 ? "\(state.version)" : "–", label: "version")
                let age = state.issuedAt.map { StatusWords.span(facts.now - $0) }
                row.element("td", age ?? "–", title: state.issuedAt?.rfc3339, label: "age")
                let end = state.expiresAt.map { StatusWords.until($0, facts.now) }
                row.element("td", end ?? "not said", title: state.expiresAt?.rfc3339, label: "ends")
                let next = state.renewsAt.map { "in \(StatusWords.span($0 - facts.now))" }
                row.element("td", next ?? "–", title: state.renewsAt?.rfc3339, label: "renewed next")
                row.element("td", label: "state") { cell in
                    let isGood = state.word == .good && state.problem == nil
                    let pill: StaticString = isGood ? "pill good" : state.isServed ? "pill warn" : "pill bad"
                    cell.element("span", StatusWords.state(of: state), class: pill, title: state.problem)
                }
            }
        }
        html.markup("</tbody></table>")
    }

    /// The line on the token store; closes the tokens' section.
    private func store(_ html: inout HTMLText) {
        html.markup("<p class=\"legend\">")
        var words = "store \(facts.instance.storeName), kind \(facts.storeKind)"
        if let age = facts.instance.store.age(at: facts.now) { words += ", read \(StatusWords.span(age)) ago" }
        if facts.instance.store.stale > 0 {
            words += ", \(facts.instance.store.stale) served though the store no longer gives them"
        }
        html.words(words)
        html.markup("</p></section>")
    }

    private func ends(_ time: Timestamp?, _ html: inout HTMLText) {
        guard let time else { return html.words("not said") }
        guard time > facts.now else { return html.element("span", "has ended", class: "pill bad", title: time.rfc3339) }
        let words = "in \(StatusWords.span(time - facts.now))"
        guard time - facts.now < Finding.expiryNotice else {
            return html.element("span", words, title: time.rfc3339)
        }
        html.element("span", words, class: "pill warn", title: time.rfc3339)
    }

    func keys(_ html: inout HTMLText) {
        let keys = facts.instance.keys
        let now = facts.now.seconds
        html.markup("<section><h2>Signing keys of Access</h2><dl>")
        html.element("dt", "state")
        html.element("dd") { cell in
            let isReady = keys.isReady(now: now)
            cell.element("span", isReady ? "verifying" : "none usable", class: isReady ? "pill good" : "pill bad")
        }
        if let age = keys.age(now: now) {
            term(
                "fetched",
                "\(StatusWords.span(seconds: age)) ago, from the \(keys.origin?.rawValue ?? "")",
                nil,
                &html
            )
        }
        if let until = keys.servesUntil {
            let end = Timestamp(seconds: until)
            term("serve for", StatusWords.span(end - facts.now), end.rfc3339, &html)
        }
        html.element("dt", "key ids")
        html.element("dd") { cell in
            if keys.keyIDs.isEmpty { cell.words("none") }
            for id in keys.keyIDs { cell.element("small") { $0.element("code", id) } }
        }
        if let failure = keys.lastFailure, failure.at >= keys.fetchedAt ?? 0 {
            term("last failure", failure.message, Timestamp(seconds: failure.at).rfc3339, &html)
        }
        if let identities = facts.instance.identities {
            term("identities", StatusWords.identities(identities, facts.now), nil, &html)
        }
        html.markup("</dl></section>")
    }

    func audit(_ html: inout HTMLText) {
        let audit = facts.instance.audit
        html.markup("<section><h2>Audit</h2><dl>")
        html.element("dt", "state")
        html.element("dd") { cell in
            let words: (String, StaticString) =
                switch audit.word {
                case .ready: ("recording", "pill good")
                case .sinkSlow: ("the sink is slow, the spool keeps events", "pill warn")
                case .sinkDown: ("the sink is down, the spool keeps events", "pill warn")
                case .sinkReplaced: ("the sink lost events, the spool sends what it has", "pill bad")
                case .sinkUnasked: ("opened anew, and may not be asked what it has", "pill warn")
                case .writerDuplicated: ("another spool has the same name", "pill bad")
                case .spoolFull: ("the spool is full", "pill bad")
                case .diskFull: ("the disk is full", "pill bad")
                case .spoolDenied: ("the spool may not be written", "pill bad")
                case .spoolGone: ("the spool is gone", "pill bad")
                case .spoolTruncated: ("somebody shortened a file of the spool", "pill bad")
                case .spoolBlocked: ("the spool takes nothing", "pill bad")
                }
            cell.element("span", words.0, class: words.1)
        }
        term("recorded", "\(StatusWords.count(audit.recorded)) events since the start", nil, &html)
        let lost = audit.lostDecisions + audit.lostOutcomes
        html.element("dt", "lost")
        html.element("dd") { cell in
            lost == 0 ? cell.words("none") : cell.element("span", StatusWords.count(lost), class: "pill bad")
        }
        let depth = "\(StatusWords.count(audit.depthEvents)) events, \(StatusWords.bytes(audit.depthBytes))"
        term("wait in the spool", depth, nil, &html)
        term("the sink is behind by", StatusWords.span(audit.lag), nil, &html)
        if let problem = audit.retention.problem { term("retention", problem, nil, &html) }
        if let trouble = audit.writerTrouble ?? audit.sinkTrouble ?? audit.notice {
            term("trouble", "\(trouble)", nil, &html)
        }
        if let telemetry = facts.instance.telemetry {
            term("telemetry", "\(StatusWords.telemetry(telemetry)), to \(telemetry.url)", nil, &html)
        }
        html.markup("</dl></section>")
    }

    func credentials(_ html: inout HTMLText) {
        guard let credentials = facts.credentials else { return }
        html.markup("<section><h2>Break-glass credentials alive</h2>")
        guard !credentials.isEmpty else { return html.markup("<p class=\"none\">None.</p></section>") }
        html.markup("<table><thead><tr><th>name</th><th>ends</th></tr>")
        html.markup("</thead><tbody>")
        for credential in credentials {
            html.element("tr") { row in
                row.element("td", label: "name") { $0.element("span", credential.name, class: "pill warn") }
                row.element("td", label: "ends") { ends(credential.expiresAt, &$0) }
            }
        }
        html.markup("</tbody></table></section>")
    }

    private func term(_ name: String, _ words: String, _ title: String?, _ html: inout HTMLText) {
        html.element("dt", name)
        html.element("dd", words, title: title)
    }
}
