/// Writes HTML. Markup comes from literals in the source only; every other text is escaped, so that a name that a caller chose cannot become markup.
struct HTMLText {
    private(set) var text = ""

    mutating func markup(_ markup: StaticString) { text += markup.description }

    mutating func words(_ words: some StringProtocol) { text += Self.escaped(words) }

    mutating func number(_ number: some BinaryInteger) { text += String(number) }

    /// An element with text in it, and a class, a title or a label where given.
    mutating func element(
        _ name: StaticString,
        _ words: String,
        class type: StaticString? = nil,
        title: String? = nil,
        label: StaticString? = nil
    ) {
        element(name, class: type, title: title, label: label) { $0.words(words) }
    }

    mutating func element(
        _ name: StaticString,
        class type: StaticString? = nil,
        title: String? = nil,
        label: StaticString? = nil,
        _ body: (inout HTMLText) -> Void
    ) {
        text += "<\(name)"
        if let type { text += " class=\"\(type)\"" }
        if let title { text += " title=\"\(Self.escaped(title))\"" }
        if let label { text += " data-label=\"\(label)\"" }
        text += ">"
        body(&self)
        text += "</\(name)>"
    }

    /// A link to an entry of the runbook, which the admin listener serves beside this page.
    mutating func runbook(_ entry: String, _ words: String) {
        text += "<a href=\"\(RunbookPage.path)#\(Self.escaped(entry))\">"
        self.words(words)
        text += "</a>"
    }

    static func escaped(_ words: some StringProtocol) -> String {
        var result = ""
        result.reserveCapacity(words.utf8.count)
        for scalar in words.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            // Characters that would change the direction of the text around them, or show nothing.
            case _ where scalar.properties.generalCategory == .format || scalar.properties.generalCategory == .control:
                result += scalar == "\n" ? "\n" : "\u{FFFD}"
            case _: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
