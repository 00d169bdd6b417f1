/// What one principal may do on one route: the grants that name it, gathered once and asked for each call.
package final class Permits: Sendable {
    /// Why the principal may not use the route at all, nil when it may.
    package let refusal: Reason?
    /// Nil where some grant that names the principal leaves its list out: everything of the kind is allowed.
    private let tools: [Glob]?
    private let prompts: [Glob]?
    private let resources: [Glob]?

    package init(_ policy: Policy, of principal: Principal) {
        switch policy.admits(principal) {
        case .allowed: refusal = nil
        case .denied(let reason): refusal = reason
        }
        let grants = (policy.grants ?? []).filter { $0.names(principal) }
        // Whom the route admits without a grant, no grant limits.
        func gather(_ list: (Grant) -> [Glob]?) -> [Glob]? {
            grants.isEmpty || grants.contains { list($0) == nil } ? nil : grants.flatMap { list($0) ?? [] }
        }
        tools = gather(\.tools)
        prompts = gather(\.prompts)
        resources = gather(\.resources)
    }

    private func globs(_ kind: Policy.TargetKind) -> [Glob]? {
        switch kind {
        case .tool: tools
        case .prompt: prompts
        case .resource: resources
        }
    }

    /// Whether something of this kind may be denied.
    package func restricts(_ kind: Policy.TargetKind) -> Bool { globs(kind) != nil }

    package var restrictsAny: Bool { tools != nil || prompts != nil || resources != nil }

    /// - Parameter target: UTF-8, escapes resolved.
    package func allows(_ kind: Policy.TargetKind, _ target: UnsafeRawBufferPointer) -> Bool {
        guard let globs = globs(kind) else { return true }
        guard kind.isPlain(target) else { return false }
        for glob in globs where glob.matches(target) { return true }
        return false
    }

    /// Whether something that a URI template (RFC 6570) can lead to may be allowed, judged by what stands before its first expression.
    package func allowsSome(_ kind: Policy.TargetKind, of template: UnsafeRawBufferPointer) -> Bool {
        guard let expression = template.firstIndex(of: 0x7B) else { return allows(kind, template) }
        guard let globs = globs(kind) else { return true }
        guard PlainURI.isPlain(template: template) else { return false }
        let beginning = UnsafeRawBufferPointer(rebasing: template[..<expression])
        for glob in globs where glob.mayMatch(beginning: beginning) { return true }
        return false
    }
}
