internal import GatehouseCore
internal import GatehouseTokens

/// The page on which somebody sees and changes the own tokens. One self-contained document, without script or outside asset; no token is ever on it.
struct ConnectPage {
    struct Entry {
        let token: ConnectableToken
        let state: State
        /// Makes the hidden field of a form.
        let key: (ConnectForms.Action) -> String
    }

    enum State: Equatable {
        case missing
        case connected(account: String, since: Timestamp?, until: Timestamp?, renews: Bool)
        case needsConnecting
        case unreadable

        init(_ load: GrantLoad, _ key: GrantKey, at now: Timestamp) {
            guard load.problems[key] == nil else {
                self = .unreadable
                return
            }
            switch load.grants[key]?.kept {
            case nil, .client?: self = .missing
            case .needsConnecting?: self = .needsConnecting
            case .usable(let grant)?:
                if let end = grant.expiresAt, end <= now, grant.refresh == nil {
                    self = .needsConnecting
                } else {
                    self = .connected(
                        account: grant.person?.account ?? "",
                        since: grant.person?.connectedAt,
                        until: grant.expiresAt,
                        renews: grant.refresh != nil
                    )
                }
            }
        }
    }

    let email: String
    let host: String
    let path: String
    let entries: [Entry]
    let notice: ConnectNotice?
    let now: Timestamp

    var html: String {
        var html = HTMLText()
        ConnectStyle.begin(&html, title: "Your connections at \(host)")
        html.markup("<body><header><h1>Your connections</h1><p>Signed in as ")
        html.words(email)
        html.markup(" at ")
        html.words(host)
        html.markup("</p></header><main>")
        if let notice {
            html.markup("<p role=\"status\" class=\"notice ")
            html.markup(notice.isGood ? "good\">" : "warn\">")
            html.words(notice.words)
            html.markup("</p>")
        }
        if entries.isEmpty {
            html.markup("<section><p class=\"soft\">There is nothing to connect here: your sign-in at this address ")
            html.markup("covers no server that needs an access of your own.</p></section>")
        }
        for entry in entries { section(entry, &html) }
        html.markup("</main><footer>What you connect is kept encrypted and is never shown, here or anywhere. It is ")
        html.markup("sent only with calls that you make yourself.</footer></body></html>\n")
        return html.text
    }

    private func section(_ entry: Entry, _ html: inout HTMLText) {
        let (pill, word): (StaticString, StaticString) =
            switch entry.state {
            case .missing: ("pill idle", "not connected")
            case .connected: ("pill good", "connected")
            case .needsConnecting: ("pill bad", "needs connecting")
            case .unreadable: ("pill bad", "cannot be read")
            }
        html.markup("<section><div class=\"top\">")
        html.element("h2") { heading in
            heading.words(entry.token.name.text)
            if let host = entry.token.connection?.host { heading.element("small", "at \(host)") }
        }
        html.element("span", word.description, class: pill)
        html.markup("</div>")
        facts(entry, &html)
        html.markup("<div class=\"deeds\">")
        switch entry.token.way {
        case .oauth: connect(entry, &html)
        case .paste(let help, let url): paste(entry, help, url, &html)
        }
        if entry.state != .missing { disconnect(entry, &html) }
        html.markup("</div></section>")
    }

    private func facts(_ entry: Entry, _ html: inout HTMLText) {
        switch entry.state {
        case .missing where entry.token.hasFallback:
            html.element("p", "Until you connect your own access, a shared one is used for you.", class: "soft")
        case .missing: html.element("p", "Calls that need it fail until you connect it.", class: "soft")
        case .needsConnecting:
            html.element("p", "The access has ended or was taken back at the vendor. Connect it again to go on.")
        case .unreadable:
            html.element(
                "p",
                "What is kept for you cannot be opened. Tell your operator, or disconnect it and connect it anew."
            )
        case .connected(let account, let since, let until, let renews):
            html.markup("<dl>")
            if !account.isEmpty { term("as", account, &html) }
            if let since { term("since", Self.day(since), &html) }
            if renews {
                term("until", "you disconnect it; it renews itself", &html)
            } else if let until {
                term("until", Self.day(until), &html)
            }
            html.markup("</dl>")
        }
    }

    private func term(_ name: String, _ words: String, _ html: inout HTMLText) {
        html.element("dt", name)
        html.element("dd", words)
    }

    // MARK: - Forms

    private func form(
        _ action: ConnectForms.Action,
        _ entry: Entry,
        _ html: inout HTMLText,
        isWide: Bool = false,
        _ body: (inout HTMLText) -> Void
    ) {
        html.markup(isWide ? "<form class=\"wide\" method=\"post\" action=\"" : "<form method=\"post\" action=\"")
        html.words(path + action.rawValue)
        html.markup("\">")
        for (name, value) in [
            (ConnectForms.tokenField, entry.token.name.text), (ConnectForms.keyField, entry.key(action)),
        ] {
            html.markup("<input type=\"hidden\" name=\"")
            html.words(name)
            html.markup("\" value=\"")
            html.words(value)
            html.markup("\">")
        }
        body(&html)
        html.markup("</form>")
    }

    private func connect(_ entry: Entry, _ html: inout HTMLText) {
        form(.connect, entry, &html) { html in
            switch entry.state {
            case .missing: html.element("button", "Connect", class: "deed")
            case .needsConnecting, .unreadable: html.element("button", "Connect again", class: "deed")
            case .connected: html.element("button", "Connect another account")
            }
        }
    }

    private func paste(_ entry: Entry, _ help: String, _ url: WebURL?, _ html: inout HTMLText) {
        guard case .connected = entry.state else { return field(entry, help, url, &html) }
        html.markup("<details><summary>Replace</summary>")
        field(entry, help, url, &html)
        html.markup("</details>")
    }

    private func field(_ entry: Entry, _ help: String, _ url: WebURL?, _ html: inout HTMLText) {
        form(.paste, entry, &html, isWide: true) { html in
            html.markup("<label for=\"")
            html.words("value-" + entry.token.name.text)
            html.markup("\">Paste your token. You find it under: ")
            html.words(help)
            if let url {
                html.markup(" <a rel=\"noopener noreferrer\" target=\"_blank\" href=\"")
                html.words(url.text)
                html.markup("\">open the page</a>")
            }
            html.markup(
                "</label><div class=\"line\"><input type=\"password\" autocomplete=\"off\" required maxlength=\"8192\" id=\""
            )
            html.words("value-" + entry.token.name.text)
            html.markup("\" name=\"")
            html.words(ConnectForms.valueField)
            html.markup("\"><button class=\"deed\">Save</button></div>")
        }
    }

    /// Two steps, for a finger that slips: without a script, the second one is in what the first one opens.
    private func disconnect(_ entry: Entry, _ html: inout HTMLText) {
        html.markup("<details><summary class=\"end\">Disconnect</summary>")
        form(.disconnect, entry, &html) { html in
            html.element(
                "p",
                "The access is deleted here, and ended at the vendor where that is possible.",
                class: "soft"
            )
            html.element("button", "Disconnect now", class: "end")
        }
        html.markup("</details>")
    }

    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]

    /// The date in UTC, as people say it.
    static func day(_ time: Timestamp) -> String {
        let parts = time.rfc3339.prefix(10).split(separator: "-").compactMap { Int($0) }
        guard parts.count == 3, (1...12).contains(parts[1]) else { return time.rfc3339 }
        return "\(parts[2]) \(months[parts[1] - 1]) \(parts[0])"
    }
}

extension OAuthConnection {
    /// The host by which people know the vendor.
    fileprivate var host: String {
        switch server {
        case .discovered(let resource): resource.host
        case .told(let told): told.authorization.host
        }
    }
}
