/// The forms in which an instance reports its state to `gatehouse status`: the page's facts, without the page.
package enum StatusForm: String, Sendable, CaseIterable {
    case json
    case text = "txt"
    /// A dated page for a wiki.
    case markdown = "md"

    var path: String { "/status.\(rawValue)" }

    var type: String {
        switch self {
        case .json: "application/json"
        case .text: "text/plain; charset=utf-8"
        case .markdown: "text/markdown; charset=utf-8"
        }
    }
}
