internal import GatehouseCore
internal import GatehouseProxy

/// The sections on traffic and on the condition of each route.
extension StatusPage {
    func traffic(_ html: inout HTMLText) {
        let hour = facts.hour
        let requests = hour.reduce(0) { $0 + $1.requests }
        let refused = hour.reduce(0) { $0 + $1.refused }
        let failed = hour.reduce(0) { $0 + $1.failed }
        html.markup("<section><h2>The last hour</h2><div class=\"tiles\">")
        tile(StatusWords.count(requests), "requests", &html)
        tile(StatusWords.count(refused), "refused", &html)
        tile(StatusWords.count(failed), "failed", &html)
        tile(StatusWords.count(facts.openExchanges), "open requests and streams", &html)
        tile(StatusWords.count(facts.openConnections), "open connections", &html)
        html.markup("</div>")
        StatusChart(minutes: hour, height: 96)
            .write(into: &html, label: "Requests by minute: \(requests), \(refused) refused, \(failed) failed")
        html.markup("<p class=\"legend\"><span><i class=\"served\"></i>served</span>")
        html.markup("<span><i class=\"refused\"></i>refused</span><span><i class=\"failed\"></i>failed</span>")
        let most = hour.map(\.requests).max() ?? 0
        html.element("span", "one bar a minute, now at the right; \(StatusWords.count(most)) at most")
        html.markup("</p></section>")
    }

    private func tile(_ figure: String, _ name: String, _ html: inout HTMLText) {
        html.element("div") { tile in
            tile.element("b", figure)
            tile.element("span", name)
        }
    }

    /// The routes that need attention first, the rest in the order of the file.
    private var routesByNeed: [(route: Route, condition: RouteCondition)] {
        let all = Array(zip(facts.instance.routes, facts.instance.conditions).enumerated())
        return all.sorted { one, other in
            let (left, right) = (one.element.1.state, other.element.1.state)
            let isSame = left == right || max(left, right) <= .answers
            return isSame ? one.offset < other.offset : left > right
        }
        .map { ($0.element.0, $0.element.1) }
    }

    func routes(_ html: inout HTMLText) {
        html.markup("<section><h2>Routes</h2>")
        guard !facts.instance.routes.isEmpty else { return html.markup("<p class=\"none\">None.</p></section>") }
        html.markup("<table class=\"routes\"><thead><tr><th>route</th><th>upstream</th><th>health</th>")
        html.markup("<th>added p50 / p99</th><th>upstream p50 / p99</th><th>last hour</th></tr></thead><tbody>")
        for (route, condition) in routesByNeed {
            html.element("tr") { row in
                row.element("td", label: "route") { cell in
                    cell.element("span", class: "wide") { place in
                        place.words(route.name.text)
                        place.element("small", "\(route.host)\(route.path)")
                    }
                }
                row.element("td", label: "upstream") { cell in
                    cell.element("code", route.upstream.isLocalSocket ? route.upstream.place : route.upstream.authority)
                    cell.element("small", "guard: \(route.guardWords)")
                }
                row.element("td", label: "health") { health(route, condition, &$0) }
                row.element("td", latency(facts.traffic.added[route.name]), label: "added p50 / p99")
                row.element("td", latency(facts.traffic.upstream[route.name]), label: "upstream p50 / p99")
                row.element("td", label: "last hour") { cell in
                    let minutes = (facts.traffic.hours[route.name] ?? LastHour()).ending(at: facts.minute)
                    let requests = minutes.reduce(0) { $0 + $1.requests }
                    StatusChart(minutes: minutes, height: 26)
                        .write(into: &cell, label: "\(route.name): \(requests) requests in the last hour")
                }
            }
        }
        html.markup("</tbody></table></section>")
    }

    private func health(_ route: Route, _ condition: RouteCondition, _ html: inout HTMLText) {
        let words: (String, StaticString) =
            switch condition.state {
            case .untried: ("not asked yet", "pill idle")
            case .answers: ("answers", "pill good")
            case .unsteady: ("fails at times", "pill warn")
            case .degraded: ("fails at times", "pill warn")
            case .failing: ("fails", "pill bad")
            }
        html.element("span") { cell in
            cell.element("span", words.0, class: words.1)
            guard condition.state > .answers else { return }
            let failure = facts.traffic.health[route.name]?.lastFailure
            if let reason = condition.reason {
                cell.element("small", title: failure?.at.rfc3339) { small in
                    small.runbook(reason.rawValue, reason.rawValue)
                    if let failure, reason != .tokenUnavailable {
                        small.words(", \(StatusWords.ago(failure.at, facts.now))")
                    }
                }
            }
            guard condition.failed > 0 else { return }
            let (failed, reached) = (StatusWords.count(condition.failed), StatusWords.count(condition.reached))
            cell.element("small", "\(failed) of \(reached) failed in the last hour")
        }
    }

    private func latency(_ histogram: LatencyHistogram?) -> String {
        guard let middle = histogram?.quantile(0.5), let high = histogram?.quantile(0.99) else { return "–" }
        return "\(StatusWords.latency(middle)) / \(StatusWords.latency(high))"
    }

    func refusals(_ html: inout HTMLText) {
        html.markup("<section><h2>Last refusals and failures</h2>")
        let entries = facts.traffic.refusals.newestFirst
        guard !entries.isEmpty else {
            return html.markup("<p class=\"none\">None since the start.</p></section>")
        }
        html.markup(
            "<table class=\"lines\"><thead><tr><th>when</th><th>route</th><th>reason</th><th>status</th>"
        )
        html.markup("<th>request id</th></tr></thead><tbody>")
        for entry in entries {
            html.element("tr") { row in
                row.element("td", StatusWords.ago(entry.at, facts.now), title: entry.at.rfc3339, label: "when")
                row.element("td", entry.route?.text ?? "–", label: "route")
                row.element("td", label: "reason") { cell in
                    cell.element("code") { $0.runbook(entry.reason.rawValue, entry.reason.rawValue) }
                }
                row.element("td", "\(entry.status)", label: "status")
                row.element("td", label: "request id") { $0.element("code", "\(entry.requestID)") }
            }
        }
        html.markup("</tbody></table></section>")
    }
}
