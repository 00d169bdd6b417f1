internal import Crypto
internal import GatehouseCore

/// The status page: one self-contained document for people. Without script, form or outside asset; it reloads itself from time to time.
struct StatusPage {
    /// Seconds between two loads by a browser that is left open.
    static let refreshSeconds = 15

    let facts: StatusFacts

    /// The page's Content-Security-Policy: a browser may show it in its own style, and nothing else.
    static let policy: String = {
        let digest = SHA256.hash(data: Array(StatusStyle.css.description.utf8))
        let style = String(decoding: Base64.encode(Array(digest)), as: UTF8.self)
        return "default-src 'none'; style-src 'sha256-\(style)'; base-uri 'none'; form-action 'none'; "
            + "frame-ancestors 'none'"
    }()

    static let fields: [(name: String, value: String)] = [
        ("Content-Security-Policy", policy),
        ("Referrer-Policy", "no-referrer"),
        ("X-Frame-Options", "DENY"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    ]

    var html: String {
        var html = HTMLText()
        html.markup("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">")
        html.markup("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">")
        html.markup("<meta http-equiv=\"refresh\" content=\"")
        html.number(Self.refreshSeconds)
        html.markup("\"><title>")
        html.words(headline.isGood ? "Gatehouse" : "Gatehouse: \(headline.words)")
        html.markup("</title><style>")
        html.markup(StatusStyle.css)
        html.markup("</style></head><body>")
        head(&html)
        html.markup("<main>")
        problems(&html)
        traffic(&html)
        routes(&html)
        html.markup("<div class=\"pair\">")
        readiness(&html)
        configuration(&html)
        html.markup("</div>")
        fleet(&html)
        tokens(&html)
        pins(&html)
        denials(&html)
        html.markup("<div class=\"pair\">")
        keys(&html)
        audit(&html)
        html.markup("</div>")
        credentials(&html)
        refusals(&html)
        html.markup("</main><footer>Read-only. The same as numbers: <code>/metrics</code>, <code>/readyz</code>. ")
        html.markup("What a reason means and what to do: <a href=\"/runbook\">the runbook</a>, which is ")
        html.markup("<code>docs/OAUTH_TROUBLESHOOTING.md</code>.</footer>")
        html.markup("</body></html>\n")
        return html.text
    }

    private func head(_ html: inout HTMLText) {
        html.markup("<header><h1>Gatehouse</h1>")
        html.element("span", headline.words, class: headline.pill)
        html.element("p", facts.version)
        html.element(
            "p",
            "up \(StatusWords.span(facts.now - facts.startedAt)), as of \(Self.clock(facts.now))",
            title: facts.now.rfc3339
        )
        html.markup("</header>")
    }

    /// The one word of the header: never a good one while a route fails.
    var headline: (words: String, pill: StaticString, isGood: Bool) {
        let conditions = facts.instance.conditions
        let failing = conditions.count { $0.state == .failing }
        let readiness = Readiness(facts.instance)
        if !readiness.isReady { return ("not ready", "pill bad", false) }
        if failing > 0 { return (failing == 1 ? "1 route fails" : "\(failing) routes fail", "pill bad", false) }
        let isUneven = conditions.contains { $0.state > .answers }
        if readiness.state == .degraded || isUneven { return ("degraded", "pill warn", false) }
        if !readiness.findings.isEmpty { return ("ready, with warnings", "pill warn", false) }
        return ("ready", "pill good", true)
    }

    /// The date and time of day in UTC, to the second.
    static func clock(_ time: Timestamp) -> String {
        let text = time.rfc3339
        return text.prefix(10) + " " + text.dropFirst(11).prefix(8) + " UTC"
    }
}
