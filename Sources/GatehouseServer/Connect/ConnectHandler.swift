package import GatehouseCore
package import GatehouseTokens

/// Answers the requests for the page on which people connect their own tokens.
///
/// It is reached through the data path alone, which has verified who asks, and trusts what that says. All else is checked here: a form must come from
/// the page itself, and what a vendor sends must be the answer to what this person began.
package struct ConnectHandler: Sendable {
    /// Bytes of a form: the longest token, each byte of it encoded.
    package static let maximumBody = 32 << 10

    package typealias Others = @Sendable () -> [TokenName: TokenValue]

    let site: @Sendable () -> ConnectSite
    let connector: TokenConnector
    let keys: @Sendable () -> PurposeKeys
    let clock: any WallClock
    let others: Others
    let onChange: @Sendable (ConnectChange) -> Void
    let onProblem: @Sendable (ConnectProblem) -> Void
    private let used = UsedOnce()

    /// - Parameters:
    ///   - site: as the configuration in force says it.
    ///   - keys: of the instance for this purpose.
    ///   - others: the shared tokens, for probes that need them beside the one that is tried.
    ///   - onChange: called once a change is durable; must not block.
    ///   - onProblem: called for what failed; must not block.
    package init(
        site: @escaping @Sendable () -> ConnectSite,
        connector: TokenConnector,
        keys: @escaping @Sendable () -> PurposeKeys,
        clock: any WallClock,
        others: @escaping Others,
        onChange: @escaping @Sendable (ConnectChange) -> Void,
        onProblem: @escaping @Sendable (ConnectProblem) -> Void = { _ in }
    ) {
        self.site = site
        self.connector = connector
        self.keys = keys
        self.clock = clock
        self.others = others
        self.onChange = onChange
        self.onProblem = onProblem
    }

    package func answer(_ request: LocalRequest) async -> LocalAnswer {
        let site = site()
        guard let place = Self.place(request.path, below: site.path) else { return Self.nothing }
        let visitor: ConnectVisitor
        do throws(ConnectVisitor.Refusal) { visitor = try ConnectVisitor(request) } catch {
            return Self.refusal(error)
        }
        let visit = ConnectVisit(handler: self, site: site, visitor: visitor, forms: forms)
        switch (request.method, place) {
        case ("GET", ""), ("HEAD", ""): return await visit.page(request)
        case ("GET", AuthorizationRequest.callback): return await visit.callback(request)
        case ("POST", _):
            guard let action = ConnectForms.Action(rawValue: place) else { return Self.nothing }
            return await visit.act(action, request)
        case (_, ""), (_, AuthorizationRequest.callback): return Self.notAllowed
        case _: return ConnectForms.Action(rawValue: place) == nil ? Self.nothing : Self.notAllowed
        }
    }

    private var forms: ConnectForms { ConnectForms(seal: ConnectSeal(keys()), used: used) }

    /// The rest of a path behind the page's place; nil for another place.
    private static func place(_ path: String, below base: String) -> String? {
        if path + "/" == base { return "" }
        return path.hasPrefix(base) ? String(path.dropFirst(base.count)) : nil
    }

    private static func refusal(_ refusal: ConnectVisitor.Refusal) -> LocalAnswer {
        switch refusal {
        case .noPerson:
            ConnectMessage(
                title: "This page is for people",
                words: "A service token has no page: an operator sets its tokens.",
                advice: "gatehouse token set NAME --owner ID.access"
            ).answer(.forbidden)
        case .noHost: nothing
        }
    }

    private static let nothing = ConnectMessage(
        title: "There is nothing here",
        words: "The address is none of this page's.",
        advice: ""
    ).answer(.notFound)

    private static let notAllowed = ConnectMessage(
        title: "This is no way to ask",
        words: "The page is read by GET and changed by its own forms.",
        advice: ""
    ).answer(.methodNotAllowed)
}
