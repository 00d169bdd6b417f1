internal import AccessIdentity
package import GatehouseConfig
package import GatehouseCore
internal import GatehouseMCP

/// A route's decision about a principal and a call, with its ground.
package struct PolicyInquiry: Sendable {
    /// The ground of the decision.
    package enum Ground: Hashable, Sendable {
        /// One of the lists of `access.deny`, by its key.
        case denyList(String)
        /// An entry that an operator made by `gatehouse deny`.
        case denied(DenyEntry)
        /// The route has no `allow`.
        case everyone
        /// An entry of the route's `allow`, by position.
        case grant(Int)
        /// These entries cover the tool for calls whose arguments pass, and it was not asked about any.
        case someArguments(grants: [Int])
        /// No entry of `allow` names the principal.
        case noGrant
        /// These entries name the principal, and none covers the target.
        case noTarget(grants: [Int])
        /// These entries name the principal and list targets, and readers differ about the meaning of the call's target.
        case ambiguousTarget(grants: [Int])
        /// These entries name the principal and list targets, and the call has no target that could be compared.
        case malformedTarget(grants: [Int])
        /// These entries cover the tool, and the call passes the rules of none on its arguments.
        case deniedArguments(grants: [Int], argument: String?)
    }

    package let route: Route
    package let principal: Principal
    /// Nil for the route alone.
    package let call: Call?
    package let ground: Ground
    /// Nil means allowed.
    package let refusal: Reason?
    /// Whether a call was asked about that the route never sees, since its bodies pass unread.
    package let ignoresCall: Bool

    /// The entries of `allow` that the decision rests on, by position.
    package var grants: [Int] {
        switch ground {
        case .grant(let index): [index]
        case .noTarget(let grants), .ambiguousTarget(let grants), .malformedTarget(let grants),
            .someArguments(let grants), .deniedArguments(let grants, _):
            grants
        case .denyList, .denied, .everyone, .noGrant: []
        }
    }

    package struct Call: Hashable, Sendable {
        package let kind: Policy.TargetKind
        package let target: String
        /// The arguments as JSON; nil when the question is about none in particular.
        package let arguments: String?

        package init(_ kind: Policy.TargetKind, _ target: String) {
            self.kind = kind
            self.target = target
            arguments = nil
        }

        /// The call of a tool with these arguments.
        package init(tool: String, arguments: String) throws(InvalidValue) {
            guard Self.isObject(arguments) else {
                throw InvalidValue("the arguments are no JSON object", suggestion: #"{"docId":"AbC"}"#)
            }
            kind = .tool
            target = tool
            self.arguments = arguments
        }

        private static func isObject(_ text: String) -> Bool {
            Array(text.utf8).withUnsafeBytes { bytes in
                do throws(JSONFault) {
                    var scanner = try JSONScanner(bytes)
                    guard scanner.next == .object else { return false }
                    try scanner.skipUnread()
                    try scanner.finish()
                    return true
                } catch { return false }
            }
        }
    }

    /// Judges as a request would be: the deny lists, then whether the route admits the principal, then the call.
    ///
    /// - Parameter made: what operators deny by command.
    package init(
        _ access: AccessSettings,
        denying made: DenyBook = DenyBook(),
        _ route: Route,
        _ principal: Principal,
        _ attributes: CallerAttributes = .none,
        _ call: Call?
    ) {
        self.route = route
        self.principal = principal
        self.call = call
        ignoresCall = call != nil && route.speech == .http
        if let list = Self.list(of: AccessAssembly.denied(access.deny), naming: principal, attributes) {
            (ground, refusal) = (.denyList(list), .assertionDenied)
            return
        }
        if let entry = made.entries.first(where: { Self.names($0, principal, attributes) }) {
            (ground, refusal) = (.denied(entry), .assertionDenied)
            return
        }
        let permits = Permits(route.policy, of: principal, attributes)
        if let refused = permits.refusal {
            (ground, refusal) = (.noGrant, refused)
            return
        }
        guard let call, route.speech == .mcp else {
            (ground, refusal) = (permits.grants.first.map { .grant($0) } ?? .everyone, nil)
            return
        }
        var target = call.target
        switch target.withUTF8({ permits.coverage(of: call.kind, UnsafeRawBufferPointer($0)) }) {
        case .covered(let grant): (ground, refusal) = (grant.map { .grant($0) } ?? .everyone, nil)
        case .dependsOnArguments: (ground, refusal) = Self.judged(call, permits)
        case .uncovered where !RPCGate.isTarget(call.target):
            (ground, refusal) = (.malformedTarget(grants: permits.grants), .targetMalformed)
        case .uncovered where !call.kind.isPlain(call.target):
            (ground, refusal) = (.ambiguousTarget(grants: permits.grants), call.kind.denial)
        case .uncovered: (ground, refusal) = (.noTarget(grants: permits.grants), call.kind.denial)
        }
    }

    private static func judged(_ call: Call, _ permits: Permits) -> (Ground, Reason?) {
        Array(call.target.utf8).withUnsafeBytes { tool in
            let ruling = permits.ruling(tool)
            guard let arguments = call.arguments else { return (.someArguments(grants: ruling), nil) }
            return Array(arguments.utf8).withUnsafeBytes { arguments in
                switch permits.judgement(of: tool, arguments) {
                case .covered(let grant, _): (.grant(grant), nil)
                case .denied(let denial):
                    (.deniedArguments(grants: ruling, argument: denial.argument), .argumentsDenied)
                }
            }
        }
    }

    private static func names(_ entry: DenyEntry, _ principal: Principal, _ attributes: CallerAttributes) -> Bool {
        list(of: AccessPolicy.Denied().union(DenyBook(entry)), naming: principal, attributes) != nil
    }

    private static func list(
        of denied: AccessPolicy.Denied,
        naming principal: Principal,
        _ attributes: CallerAttributes
    ) -> String? {
        guard principal.kind == .user || principal.kind == .service else { return nil }
        return denied.list(
            naming: principal.kind == .user ? .user : .service,
            principal.name,
            subject: principal.subject,
            groups: attributes.groups
        )?
        .rawValue
    }
}
