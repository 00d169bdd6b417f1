package import GatehouseAudit
package import GatehouseConfig
package import GatehouseCore
internal import GatehouseMCP

/// Past messages of the audit, judged by a configuration as their requests would be: those that it decides otherwise than was decided.
///
/// The audit does not keep all that a decision rests on. A message without it counts as not judged, with the cause.
package struct PolicyReplay: Sendable {
    /// Differences that are told apart. Messages of further ones are counted in ``others``.
    package static let maximumDifferences = 10_000
    /// Verdicts that are remembered. Beyond it each is made anew.
    private static let maximumVerdicts = 100_000

    /// Messages of one caller to one target whose decision would be another.
    package struct Difference: Hashable, Sendable {
        package let route: String
        package let principal: String
        package let principalKind: String
        /// The JSON-RPC method, or where there is none the HTTP method.
        package let method: String
        /// The target of a call; the path of a request that is none.
        package let target: String
        /// Whether it was denied and would be allowed.
        package let isGain: Bool
        /// The reason for which it was, or would be, denied.
        package let reason: Reason
    }

    package struct Count: Sendable {
        package fileprivate(set) var messages = 0
        package fileprivate(set) var last = Timestamp(microseconds: 0)
    }

    /// Why a message is not judged.
    package enum Omission: String, Sendable, CaseIterable {
        case noCaller = "no established caller"
        case otherReason = "denied for a reason that is not the file's"
        case cutTarget = "its target was cut when it was recorded"
        case unnamedKind = "the audit does not say what kind of target it has"
        case bearer = "a break-glass credential names its own routes"
        case arguments = "a grant allows it for some arguments, which the audit does not keep"
        case attributes = "a grant names groups or claims, of which the audit keeps only those that decided"
    }

    package private(set) var messages = 0
    package private(set) var differences: [Difference: Count] = [:]
    /// Messages of differences beyond ``maximumDifferences``.
    package private(set) var others = 0
    package private(set) var omitted: [Omission: Int] = [:]

    private let configuration: Configuration
    private let denials: DenyBook
    private var verdicts: [Question: Verdict] = [:]

    private enum Verdict {
        /// Why it would be denied; nil for a message that would be allowed.
        case decided(Reason?)
        case open(Omission)
    }

    private struct Question: Hashable {
        let route: String
        let path: String
        let principal: Principal
        let groups: [String]
        let call: PolicyInquiry.Call?
    }

    /// - Parameter made: what operators deny by command, whatever the file says.
    package init(_ configuration: Configuration, denying made: DenyBook = DenyBook()) {
        self.configuration = configuration
        denials = made
    }

    /// Whether some message would be decided otherwise.
    package var hasDifferences: Bool { !differences.isEmpty || others > 0 }

    /// Changes are no messages.
    package mutating func add(_ event: AuditEvent) {
        guard event.kind != .change, let wasAllowed = event.isAllowed else { return }
        let count = event.requests
        messages += count
        let question: Question
        switch Self.question(event, wasAllowed) {
        case .nothing(let omission): return omitted[omission, default: 0] += count
        case .about(let asked): question = asked
        }
        let refusal: Reason?
        switch verdict(question) {
        case .open(let omission): return omitted[omission, default: 0] += count
        case .decided(let reason): refusal = reason
        }
        guard (refusal == nil) != wasAllowed, let reason = refusal ?? event.reason else { return }
        let rpc = event.text(.rpcMethod)
        let difference = Difference(
            route: event.route,
            principal: event.principal,
            principalKind: event.text(.principalKind),
            method: rpc.isEmpty ? event.text(.httpMethod) : rpc,
            target: question.call == nil && rpc.isEmpty ? question.path : event.target,
            isGain: refusal == nil,
            reason: reason
        )
        guard differences[difference] != nil || differences.count < Self.maximumDifferences else {
            return others += count
        }
        var sum = differences[difference] ?? Count()
        sum.messages += count
        sum.last = max(sum.last, event.at)
        differences[difference] = sum
    }

    private enum Asked {
        case about(Question)
        case nothing(Omission)
    }

    /// - Returns: what the file is asked about a message, or why it is not.
    private static func question(_ event: AuditEvent, _ wasAllowed: Bool) -> Asked {
        guard let kind = event.principalKind, kind != .none, !event.principal.isEmpty else {
            return .nothing(.noCaller)
        }
        guard kind != .bearer else { return .nothing(.bearer) }
        if !wasAllowed {
            guard let reason = event.reason, isOfFile(reason) else { return .nothing(.otherReason) }
        }
        let target = event.target
        // A text that reached its limit ends so; see AuditColumn.Shape.
        for text in [target, event.text(.path), event.principal] where text.hasSuffix("…") {
            return .nothing(.cutTarget)
        }
        var call: PolicyInquiry.Call?
        if !target.isEmpty {
            switch event.text(.rpcMethod) {
            case "tools/call": call = PolicyInquiry.Call(.tool, target)
            case "prompts/get": call = PolicyInquiry.Call(.prompt, target)
            case "resources/read", "resources/subscribe", "resources/unsubscribe":
                call = PolicyInquiry.Call(.resource, target)
            case "", "completion/complete", "subscriptions/listen": return .nothing(.unnamedKind)
            case _: break
            }
        }
        let principal = Principal(kind: kind, name: event.principal, subject: event.text(.subject))
        let groups = event.text(.callerGroups)
        return .about(
            Question(
                route: event.route,
                path: event.text(.path),
                principal: principal,
                groups: groups.isEmpty ? [] : groups.split(separator: ", ").map { String($0) },
                call: call
            )
        )
    }

    /// Whether the routes and lists of the file decide by themselves that a message is denied for this reason.
    private static func isOfFile(_ reason: Reason) -> Bool {
        switch reason {
        case .assertionDenied, .principalDenied, .toolDenied, .promptDenied, .resourceDenied, .argumentsDenied,
            .pathDenied:
            true
        case _: false
        }
    }

    private mutating func verdict(_ question: Question) -> Verdict {
        if let known = verdicts[question] { return known }
        let verdict = judge(question)
        if verdicts.count < Self.maximumVerdicts { verdicts[question] = verdict }
        return verdict
    }

    private func judge(_ question: Question) -> Verdict {
        // The host is not in the audit; that of the route of the same name stands for it.
        guard let named = configuration.routes.routes.first(where: { $0.name.text == question.route }) else {
            return .decided(.routeUnknown)
        }
        var host = if case .exact(let host) = named.host { host.name } else { "" }
        var path = question.path.isEmpty ? named.path.text : question.path
        let found = host.withUTF8 { host in
            path.withUTF8 { path -> (route: Route, isOpen: Bool)? in
                let path = UnsafeRawBufferPointer(path)
                let table = configuration.routes
                guard let found = table.route(host: UnsafeRawBufferPointer(host), path: path) else { return nil }
                let route = table.routes[found.route]
                let rest = UnsafeRawBufferPointer(rebasing: path[found.prefix...])
                return (route, question.path.isEmpty || route.endpoints?.contains(rest) ?? true)
            }
        }
        guard let found else { return .decided(.routeUnknown) }
        let route = judge(question, on: found.route, nil)
        guard case .decided(nil) = route else { return route }
        guard found.isOpen else { return .decided(.pathDenied) }
        return judge(question, on: found.route, question.call)
    }

    private func judge(_ question: Question, on route: Route, _ call: PolicyInquiry.Call?) -> Verdict {
        let attributes = CallerAttributes(groups: question.groups)
        let inquiry = PolicyInquiry(
            configuration.access,
            denying: denials,
            route,
            question.principal,
            attributes,
            call
        )
        switch inquiry.ground {
        case .someArguments: return .open(.arguments)
        case .noGrant, .noTarget:
            // A grant to a group, or one that claims narrow, may name a caller of whom the audit does not say it.
            let isPartial = route.policy.grants?.contains { !$0.callers.groups.isEmpty || !$0.callers.claims.isEmpty }
            return isPartial ?? false ? .open(.attributes) : .decided(inquiry.refusal)
        case .denyList, .denied, .everyone, .grant, .ambiguousTarget, .malformedTarget, .deniedArguments:
            return .decided(inquiry.refusal)
        }
    }
}
