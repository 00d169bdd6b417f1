/// The effective grants of one principal on one route, gathered once and evaluated for each call. Serving, `explain` and the tests use the same
/// evaluation.
package final class Permits: Sendable {
    /// Why the principal may not use the route at all, nil when it may.
    package let refusal: Reason?
    /// The entries of `allow` that name the principal, by position; empty where the route has no `allow`, and for a break-glass credential.
    package let grants: [Int]
    /// The caller's groups by which entries of `allow` name it; empty where its address or id does.
    package let groups: [String]
    /// Whether a tool that the grants allow may be used only as it was approved.
    package let pinsTools: Bool
    private let tools: Targets
    private let prompts: Targets
    private let resources: Targets

    /// The allowed targets of one kind, and the entry of `allow` that allows each.
    private enum Targets {
        /// Everything: some grant that names the principal leaves its list out, or the principal is let in without a grant.
        case all(grant: Int?)
        case listed([(glob: Glob, grant: Int)])
    }

    /// The tools that are allowed for some arguments.
    private let ruledTools: [(tool: Glob, rules: ArgumentRules, grant: Int)]

    package init(_ policy: Policy, of principal: Principal, _ attributes: CallerAttributes = .none) {
        // A break-glass credential names its routes itself, so it is judged before it comes here: grants on people do not hold for it.
        let entries = principal.kind == .bearer ? nil : policy.grants
        var groups: [String] = []
        let naming = (entries ?? []).enumerated().filter { _, entry in
            switch entry.callers.naming(principal, attributes) {
            case nil: return false
            case .byName: return true
            case .byGroup(let group):
                if !groups.contains(group) { groups.append(group) }
                return true
            }
        }
        self.groups = groups
        pinsTools = policy.pinsTools
        refusal = entries != nil && naming.isEmpty ? .principalDenied : nil
        grants = naming.map(\.offset)
        func gather(_ list: (Grant) -> [Glob]?) -> Targets {
            // A principal whom the route admits without a grant is limited by none.
            guard !naming.isEmpty else { return .all(grant: nil) }
            if let whole = naming.first(where: { list($1) == nil }) { return .all(grant: whole.offset) }
            return .listed(naming.flatMap { entry in (list(entry.element) ?? []).map { ($0, entry.offset) } })
        }
        tools = gather { $0.tools?.filter { $0.arguments == nil }.map(\.name) }
        ruledTools = naming.flatMap { entry in
            (entry.element.tools ?? []).compactMap { tool in tool.arguments.map { (tool.name, $0, entry.offset) } }
        }
        prompts = gather(\.prompts)
        resources = gather(\.resources)
    }

    private func targets(_ kind: Policy.TargetKind) -> Targets {
        switch kind {
        case .tool: tools
        case .prompt: prompts
        case .resource: resources
        }
    }

    /// Whether something of this kind may be denied.
    package func restricts(_ kind: Policy.TargetKind) -> Bool {
        if kind == .tool, pinsTools { return true }
        return if case .listed = targets(kind) { true } else { false }
    }

    package var restrictsAny: Bool { restricts(.tool) || restricts(.prompt) || restricts(.resource) }

    package enum Coverage: Equatable {
        /// The entry of `allow` at this position covers the target; nil where the principal is admitted without an entry.
        case covered(grant: Int?)
        /// Entries cover the tool for calls with some arguments, so ``judgement(of:_:)`` decides.
        case dependsOnArguments
        case uncovered
    }

    package enum Judgement: Equatable {
        /// The entry of `allow` at this position, and its rules.
        case covered(grant: Int, by: ArgumentRules)
        case denied(ArgumentDenial)
    }

    /// The first entry of `allow` that covers a target. An entry that lists targets never covers one that two readers could read differently.
    ///
    /// - Parameter target: UTF-8, escapes resolved.
    package func coverage(of kind: Policy.TargetKind, _ target: UnsafeRawBufferPointer) -> Coverage {
        switch targets(kind) {
        case .all(let grant): return .covered(grant: grant)
        case .listed(let listed):
            guard kind.isPlain(target) else { return .uncovered }
            for entry in listed where entry.glob.matches(target) { return .covered(grant: entry.grant) }
            guard kind == .tool, ruledTools.contains(where: { $0.tool.matches(target) }) else { return .uncovered }
            return .dependsOnArguments
        }
    }

    /// Whether calls of some tools depend on their arguments.
    package var rulesArguments: Bool { !ruledTools.isEmpty }

    /// The entries of `allow`, by position, that cover a tool for calls with some arguments.
    package func ruling(_ tool: UnsafeRawBufferPointer) -> [Int] {
        var grants: [Int] = []
        for entry in ruledTools where entry.tool.matches(tool) && grants.last != entry.grant {
            grants.append(entry.grant)
        }
        return grants
    }

    /// The first entry of `allow` whose rules a call passes; else the denial by the first one that covers the tool.
    ///
    /// - Parameters:
    ///   - tool: one whose coverage depends on the arguments.
    ///   - arguments: JSON that was scanned before; nil for a call without.
    package func judgement(of tool: UnsafeRawBufferPointer, _ arguments: UnsafeRawBufferPointer?) -> Judgement {
        var first: ArgumentDenial?
        for entry in ruledTools where entry.tool.matches(tool) {
            guard let denial = entry.rules.denial(of: arguments) else {
                return .covered(grant: entry.grant, by: entry.rules)
            }
            first = first ?? denial
        }
        return .denied(first ?? ArgumentDenial())
    }

    /// Whether some call of the target is allowed.
    ///
    /// - Parameter target: UTF-8, escapes resolved.
    package func allows(_ kind: Policy.TargetKind, _ target: UnsafeRawBufferPointer) -> Bool {
        if case .uncovered = coverage(of: kind, target) { false } else { true }
    }

    /// Whether some expansion of a URI template (RFC 6570) may be allowed, judged by the text before its first expression.
    package func allowsSome(_ kind: Policy.TargetKind, of template: UnsafeRawBufferPointer) -> Bool {
        guard let expression = template.firstIndex(of: 0x7B) else { return allows(kind, template) }
        guard case .listed(let listed) = targets(kind) else { return true }
        guard PlainURI.isPlain(template: template) else { return false }
        let beginning = UnsafeRawBufferPointer(rebasing: template[..<expression])
        for entry in listed where entry.glob.mayMatch(beginning: beginning) { return true }
        return false
    }
}
