/// The route's `allow` list: the principals that may use a route, and the targets that each may call.
package struct Policy: Hashable, Sendable {
    /// Nil when the route has no `allow`: everyone whom Access admits for its audience, every tool.
    package let grants: [Grant]?
    /// Whether tools may be used only as they were approved, by anybody: see ``RoutePins``.
    package let pinsTools: Bool

    package init(grants: [Grant]?, pinsTools: Bool = false) {
        self.grants = grants
        self.pinsTools = pinsTools
    }

    package static let everyone = Policy(grants: nil)

    /// The kind of target of an MCP call.
    package enum TargetKind: Hashable, Sendable, CaseIterable {
        case tool, prompt, resource

        package var denial: Reason {
            switch self {
            case .tool: .toolDenied
            case .prompt: .promptDenied
            case .resource: .resourceDenied
            }
        }

        /// Whether every reader takes a target of this kind as it is written. A grant that lists targets covers no other, because the
        /// upstream could read it as one that the grant does not list.
        package func isPlain(_ target: UnsafeRawBufferPointer) -> Bool {
            switch self {
            case .tool, .prompt: PlainName.isPlain(target)
            case .resource: PlainURI.isPlain(target)
            }
        }

        package func isPlain(_ target: String) -> Bool {
            var target = target
            return target.withUTF8 { isPlain(UnsafeRawBufferPointer($0)) }
        }
    }
}

/// One entry of `allow`: principals, and what they may call. An omitted target list allows everything of its kind.
package struct Grant: Hashable, Sendable {
    /// An entry of `tools`.
    package struct Tool: Hashable, Sendable, CustomStringConvertible {
        package let name: Glob
        /// Nil for a tool that may be called with any arguments.
        package let arguments: ArgumentRules?

        package init(_ name: Glob, arguments: ArgumentRules? = nil) {
            self.name = name
            self.arguments = arguments
        }

        /// Whether every call that another entry allows is allowed by this one, as far as it can be seen without trying.
        package func covers(_ other: Tool) -> Bool {
            guard name.covers(other.name) else { return false }
            guard let arguments else { return true }
            return other.arguments.map { arguments.covers($0) } ?? false
        }

        /// Much as a file writes it.
        package var description: String {
            guard let arguments else { return name.pattern }
            let rules = arguments.rules.map { "\($0.path): \($0.condition)" }.joined(separator: ", ")
            return "{ name: \(name.pattern)" + (rules.isEmpty ? "" : ", arguments: { \(rules) }")
                + (arguments.isClosed ? ", only: true" : "") + " }"
        }
    }

    /// The principals that an entry is for.
    package struct Callers: Hashable, Sendable {
        package let users: [Glob]
        package let serviceTokens: [Glob]
        /// Groups whose people the entry is for.
        package let groups: [Glob]
        /// Claims that narrow the entry: each must have one of its values.
        package let claims: [Claim]

        package init(users: [Glob] = [], serviceTokens: [Glob] = [], groups: [Glob] = [], claims: [Claim] = []) {
            self.users = users.map(\.ofAddresses)
            self.serviceTokens = serviceTokens
            self.groups = groups
            self.claims = claims
        }

        package struct Claim: Hashable, Sendable, CustomStringConvertible {
            package let path: MemberPath
            package let values: [Glob]

            package init(_ path: MemberPath, _ values: [Glob]) {
                self.path = path
                self.values = values
            }

            func holds(of attributes: CallerAttributes) -> Bool {
                attributes.claims[path]?.contains { text in values.contains { $0.matches(text) } } ?? false
            }

            /// Whether this holds of everybody of whom another one does.
            package func covers(_ other: Claim) -> Bool {
                path == other.path && other.values.allSatisfy { value in values.contains { $0.covers(value) } }
            }

            /// Much as a file writes it.
            package var description: String { "\(path): [\(values.map(\.pattern).joined(separator: ", "))]" }
        }

        /// How an entry names a principal.
        package enum Naming: Hashable {
            /// By an address or a client id.
            case byName
            /// By a group of the principal's.
            case byGroup(String)
        }

        /// Nil where the entry does not name the principal.
        package func naming(_ principal: Principal, _ attributes: CallerAttributes) -> Naming? {
            guard claims.allSatisfy({ $0.holds(of: attributes) }) else { return nil }
            switch principal.kind {
            case .user:
                if users.contains(where: { $0.matches(principal.identity) }) { return .byName }
                guard !groups.isEmpty else { return nil }
                return attributes.groups.first { group in groups.contains { $0.matches(group) } }.map { .byGroup($0) }
            case .service: return serviceTokens.contains { $0.matches(principal.name) } ? .byName : nil
            case .bearer, .none: return nil
            }
        }
    }

    package let callers: Callers
    package let tools: [Tool]?
    package let prompts: [Glob]?
    package let resources: [Glob]?

    package init(_ callers: Callers, tools: [Tool]? = nil, prompts: [Glob]? = nil, resources: [Glob]? = nil) {
        self.callers = callers
        self.tools = tools
        self.prompts = prompts
        self.resources = resources
    }

    /// An entry without rules on arguments.
    package init(users: [Glob], serviceTokens: [Glob], tools: [Glob]?, prompts: [Glob]?, resources: [Glob]?) {
        self.init(
            Callers(users: users, serviceTokens: serviceTokens),
            tools: tools?.map { Tool($0) },
            prompts: prompts,
            resources: resources
        )
    }

    package var users: [Glob] { callers.users }
    package var serviceTokens: [Glob] { callers.serviceTokens }

    /// Whether some kind of thing is not allowed whole.
    package var limitsAny: Bool { tools != nil || prompts != nil || resources != nil }

    package func names(_ principal: Principal, _ attributes: CallerAttributes = .none) -> Bool {
        callers.naming(principal, attributes) != nil
    }
}

/// A pattern in which `*` stands for any run of characters, also an empty one. Everything else stands for itself.
package struct Glob: Hashable, Sendable, CustomStringConvertible {
    package let pattern: String
    private let bytes: [UInt8]

    package init(_ pattern: String) {
        self.pattern = pattern
        bytes = Array(pattern.utf8)
    }

    private init(_ pattern: String, matching form: String) {
        self.pattern = pattern
        bytes = Array(form.utf8)
    }

    /// The same for e-mail addresses: it matches them by the form under which they are compared, ``Principal/identity``, however it is written.
    package var ofAddresses: Glob { Glob(pattern, matching: EmailForm.form(of: pattern)) }

    package func matches(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { matches(UnsafeRawBufferPointer($0)) }
    }

    /// Whether everything that another pattern matches is matched by this one: a `*` of the other is met by nothing but a `*`.
    package func covers(_ other: Glob) -> Bool { other.bytes.withUnsafeBytes { matches($0) } }

    /// Takes time in the product of both lengths at worst: one position to return to is enough, because a later `*`
    /// always subsumes an earlier one.
    package func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        var p = 0
        var t = 0
        var star: (p: Int, t: Int)?
        while t < text.count {
            if p < bytes.count, bytes[p] == 0x2A {
                star = (p, t)
                p += 1
            } else if p < bytes.count, bytes[p] == text[t] {
                p += 1
                t += 1
            } else if let last = star {
                p = last.p + 1
                t = last.t + 1
                star = (last.p, t)
            } else {
                return false
            }
        }
        while p < bytes.count, bytes[p] == 0x2A { p += 1 }
        return p == bytes.count
    }

    /// Whether some text with this beginning could match. The pattern behind a `*` is not examined, so a true answer may be wrong; a false one never
    /// is.
    package func mayMatch(beginning: UnsafeRawBufferPointer) -> Bool {
        let star = bytes.firstIndex(of: 0x2A)
        let fixed = bytes[..<(star ?? bytes.count)]
        return fixed.starts(with: beginning) || star != nil && beginning.starts(with: fixed)
    }

    package var description: String { pattern }
}
