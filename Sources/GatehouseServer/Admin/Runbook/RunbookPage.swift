/// The runbook as a page of the admin listener: an operator who follows a reason of the status page at night needs neither the repository nor a way
/// out. The text is docs/OAUTH_TROUBLESHOOTING.md, of which only the marks that stand in it are read.
enum RunbookPage {
    static let path = "/runbook"

    static let page = AdminServer.Page(type: "text/html; charset=utf-8", body: html, fields: StatusPage.fields)

    private static let html: String = {
        var html = HTMLText()
        html.markup("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">")
        html.markup("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">")
        html.markup("<title>Gatehouse: runbook</title><style>")
        html.markup(StatusStyle.css)
        html.markup("</style></head><body class=\"runbook\"><main>")
        write(RunbookText.markdown.description, into: &html)
        html.markup("</main></body></html>\n")
        return html.text
    }()

    static func write(_ markdown: String, into html: inout HTMLText) {
        var paragraph: [Substring] = []
        func close(_ html: inout HTMLText) {
            guard !paragraph.isEmpty else { return }
            html.element("p") { inline(paragraph.joined(separator: "\n"), into: &$0) }
            paragraph = []
        }
        var code: [Substring]?
        for line in markdown.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") {
                close(&html)
                if let lines = code {
                    html.element("pre", lines.joined(separator: "\n"))
                    code = nil
                } else {
                    code = []
                }
            } else if code != nil {
                code?.append(line)
            } else if line.hasPrefix("### ") {
                close(&html)
                html.markup("<h3 id=\"")
                html.words(line.dropFirst(4))
                html.markup("\">")
                html.words(line.dropFirst(4))
                html.markup("</h3>")
            } else if line.hasPrefix("## ") {
                close(&html)
                html.element("h2", String(line.dropFirst(3)))
            } else if line.hasPrefix("# ") {
                close(&html)
                html.element("h1", String(line.dropFirst(2)))
            } else if line.isEmpty {
                close(&html)
            } else {
                // An item of a list is a paragraph of its own, and keeps its mark.
                if line.hasPrefix("- ") || line.hasPrefix("|") { close(&html) }
                paragraph.append(line)
            }
        }
        close(&html)
    }

    /// Code between backquotes, and links; those to other documents show as their words, because only this one is here.
    static func inline(_ text: String, into html: inout HTMLText) {
        var rest = text[...]
        while let mark = rest.firstIndex(where: { $0 == "`" || $0 == "[" }) {
            html.words(rest[..<mark])
            let after = rest.index(after: mark)
            if rest[mark] == "`", let end = rest[after...].firstIndex(of: "`") {
                html.element("code", String(rest[after..<end]))
                rest = rest[rest.index(after: end)...]
            } else if rest[mark] == "[", let link = rest[mark...].prefixMatch(of: #/\[([^\]]*)\]\(([^)]*)\)/#) {
                if link.output.2.hasPrefix("#") {
                    html.runbook(String(link.output.2.dropFirst()), String(link.output.1))
                } else {
                    inline(String(link.output.1), into: &html)
                }
                rest = rest[link.range.upperBound...]
            } else {
                html.words(rest[mark...mark])
                rest = rest[after...]
            }
        }
        html.words(rest)
    }
}
