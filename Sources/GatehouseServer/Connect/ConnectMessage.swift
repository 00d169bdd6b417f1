internal import GatehouseTokens

/// A page that says one thing: what went wrong, and what to do.
struct ConnectMessage {
    let title: String
    let words: String
    let advice: String

    /// - Parameter page: where the way back leads; nil for no way.
    func answer(_ status: LocalAnswer.Status, page: String? = nil) -> LocalAnswer {
        var html = HTMLText()
        ConnectStyle.begin(&html, title: title)
        html.markup("<body><main class=\"message\"><section>")
        html.element("h1", title)
        html.element("p", words)
        if !advice.isEmpty { html.element("p", advice, class: "soft") }
        if let page {
            html.markup("<div class=\"deeds\"><a class=\"button deed\" href=\"")
            html.words(page)
            html.markup("\">Back to your connections</a></div>")
        }
        html.markup("</section></main></body></html>\n")
        return LocalAnswer(status: status, type: ConnectStyle.type, body: html.text, fields: ConnectStyle.fields)
    }
}

extension ConnectMessage {
    /// A cause that only operators can remove is said in the log, and not to people: it may name files and hosts.
    init(_ failure: ConnectFailure) {
        func sentence(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() + "." }
        self.init(
            title: Self.title(failure.code),
            words: failure.isForOperators
                ? "This is nothing that you can put right, and nothing was changed." : sentence(failure.message),
            advice: failure.isForOperators
                ? "Tell your operator: \(failure.code.rawValue)." : failure.hint.map(sentence) ?? ""
        )
    }

    private static func title(_ code: ConnectFailure.Code) -> String {
        switch code {
        case .unavailable: "The vendor does not answer"
        case .refusedAddress, .metadata, .otherIssuer, .unsupported, .registration: "The vendor cannot be connected"
        case .rejected: "The vendor said no"
        case .denied: "You did not give access"
        case .configuration: "Gatehouse is not set up for this"
        case .unknownState, .mixedUpIssuer: "This answer does not belong here"
        case .expiredState: "That took too long"
        case .usedState: "This was used already"
        case .otherPerson: "This was begun by somebody else"
        case .token: "The token was not kept"
        case .store: "Your connections cannot be read or kept now"
        }
    }
}
