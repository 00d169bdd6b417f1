internal import GatehouseCore

extension StatusPage {
    /// The routes that hold their tools to what was approved, and what waits.
    func pins(_ html: inout HTMLText) {
        guard !facts.instance.pins.isEmpty else { return }
        html.markup("<section><h2>Pinned tools</h2><table class=\"tokens\"><thead><tr><th>route</th><th>mode</th>")
        html.markup("<th>approved</th><th>rejected</th><th>listed</th><th>wait</th></tr></thead><tbody>")
        for (route, status) in facts.instance.pins.sorted(by: { $0.key < $1.key }) {
            html.element("tr") { row in
                row.element("td", route.text, label: "route")
                row.element("td", status.mode.rawValue, label: "mode")
                row.element("td", "\(status.approved)", label: "approved")
                row.element("td", "\(status.rejected)", label: "rejected")
                let age = status.listedAt.map { "\(StatusWords.span(facts.now - $0)) ago" }
                row.element("td", age ?? "not yet", title: status.listedAt?.rfc3339, label: "listed")
                row.element("td", label: "wait") { cell in waiting(status, &cell) }
            }
        }
        html.markup("</tbody></table></section>")
    }

    private func waiting(_ status: PinStatus, _ cell: inout HTMLText) {
        if let problem = status.problem { return cell.element("span", problem, class: "pill bad") }
        guard !status.waiting.isEmpty else { return cell.element("span", "none", class: "pill good") }
        for waiting in status.waiting.prefix(Self.shownTools) {
            let words = "\(HiddenText.shown(waiting.tool.description)): \(waiting.state.rawValue)"
            cell.element("span", words, class: "pill warn")
            cell.words(" ")
        }
        let more = status.waiting.count - Self.shownTools
        if more > 0 { cell.words("and \(more) more") }
    }

    private static let shownTools = 20
}
