internal import GatehouseCore
internal import GatehouseProxy

/// What passes, and how each route does.
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

    func routes(_ html: inout HTMLText) {
        html.markup("<section><h2>Routes</h2><div class=\"scroll\"><table><thead><tr><th>route</th><th>upstream</th>")
        html.markup(
            "<th>health</th><th>added p50 / p99</th><th>upstream p50 / p99</th><th>last hour</th></tr></thead><tbody>"
        )
        for route in facts.routes {
            html.element("tr") { row in
                row.element("td", label: "route") { cell in
                    cell.element("span") { place in
                        place.words(route.name.text)
                        place.element("small", "\(route.host)\(route.path)")
                    }
                }
                row.element("td", label: "upstream") { $0.element("code", route.upstream.authority) }
                row.element("td", label: "health") { health(route, &$0) }
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
        html.markup("</tbody></table></div></section>")
    }

    private func health(_ route: Route, _ html: inout HTMLText) {
        let health = facts.traffic.health[route.name] ?? RouteHealth()
        switch health.isGood {
        case true?: html.element("span", "answers", class: "pill good")
        case nil: html.element("span", "not asked yet", class: "pill idle")
        case false?:
            html.element("span") { cell in
                cell.element("span", health.lastFailure?.reason.rawValue ?? "fails", class: "pill bad")
                if let failure = health.lastFailure {
                    cell.element("small", StatusWords.ago(failure.at, facts.now), title: failure.at.rfc3339)
                }
            }
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
            "<div class=\"scroll\"><table class=\"lines\"><thead><tr><th>when</th><th>route</th><th>reason</th><th>status</th>"
        )
        html.markup("<th>request id</th></tr></thead><tbody>")
        for entry in entries {
            html.element("tr") { row in
                row.element("td", StatusWords.ago(entry.at, facts.now), title: entry.at.rfc3339, label: "when")
                row.element("td", entry.route?.text ?? "–", label: "route")
                row.element("td", label: "reason") { $0.element("code", entry.reason.rawValue) }
                row.element("td", "\(entry.status)", label: "status")
                row.element("td", label: "request id") { $0.element("code", "\(entry.requestID)") }
            }
        }
        html.markup("</tbody></table></div></section>")
    }
}
