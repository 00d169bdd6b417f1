internal import GatehouseCore
internal import GatehouseTokens

extension StatusPage {
    /// The instances that share the state; nothing where there is no fleet.
    func fleet(_ html: inout HTMLText) {
        guard let fleet = facts.instance.fleet, !fleet.instances.isEmpty else { return }
        html.markup("<section><h2>Instances</h2><table class=\"tokens\"><thead><tr><th>instance</th><th>version</th>")
        html.markup("<th>up</th><th>seen</th><th>configuration</th></tr></thead><tbody>")
        for instance in fleet.instances {
            html.element("tr") { row in
                let isOwn = instance.card.id == fleet.own
                row.element(
                    "td",
                    instance.card.name + (isOwn ? " (this one)" : ""),
                    title: instance.card.id,
                    label: "instance"
                )
                row.element("td", instance.card.version, label: "version")
                let since = instance.card.since
                row.element("td", StatusWords.span(facts.now - since), title: since.rfc3339, label: "up")
                row.element("td", label: "seen") { cell in
                    let words = isOwn ? "now" : "\(StatusWords.span(instance.age)) ago"
                    if fleet.isGone(instance) {
                        cell.element("span", "gone", class: "pill warn")
                        cell.words(" \(words)")
                    } else {
                        cell.words(words)
                    }
                }
                row.element("td", label: "configuration") { cell in
                    let isOther = fleet.differs(instance)
                    let digest = String(instance.card.configuration.prefix(12))
                    cell.element(
                        "span",
                        isOther ? "another one" : "the same",
                        class: isOther ? "pill warn" : "pill good"
                    )
                    cell.words(" ")
                    cell.element("code", digest)
                }
            }
        }
        html.markup("</tbody></table>")
        if fleet.strangers > 0 {
            html.element(
                "p",
                "\(fleet.strangers) rows were written by something else than an instance",
                class: "legend"
            )
        }
        html.markup("</section>")
    }
}
