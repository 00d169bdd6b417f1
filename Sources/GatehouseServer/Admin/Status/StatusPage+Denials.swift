internal import GatehouseCore

extension StatusPage {
    private static let shownDenials = 50

    /// The callers whom operators deny by command; nothing where there are none.
    func denials(_ html: inout HTMLText) {
        guard let entries = facts.instance.denials?.entries, !entries.isEmpty else { return }
        html.markup("<section><h2>Denied by command</h2><table class=\"tokens\"><thead><tr><th>denied</th><th>by</th>")
        html.markup("<th>since</th><th>note</th></tr></thead><tbody>")
        for entry in entries.suffix(Self.shownDenials) {
            html.element("tr") { row in
                row.element("td", HiddenText.shown("\(entry)"), label: "denied")
                row.element("td", entry.by, label: "by")
                row.element("td", StatusWords.ago(entry.at, facts.now), title: entry.at.rfc3339, label: "since")
                row.element("td", entry.note.isEmpty ? "–" : entry.note, label: "note")
            }
        }
        html.markup("</tbody></table>")
        let more = entries.count - Self.shownDenials
        if more > 0 { html.element("p", "and \(more) older ones: gatehouse deny list", class: "legend") }
        html.markup("</section>")
    }
}
