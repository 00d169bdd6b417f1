internal import ArgumentParser
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens

struct Explain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say whether a principal may use a route or make a call, and which grant decides.",
        discussion: """
            Exits 0 when it may, and 1 when not. A denial lists the grants that there are. With --replay it asks about the past messages of \
            the audit instead, says which of them this file would decide otherwise, and exits 1 when it would any: for a file that is not in \
            force yet, name it with --config.
            """
    )

    @OptionGroup var file: ConfigurationOption
    @OptionGroup var form: FormOption
    @Option(name: .long, help: "The route, by name.", completion: Completions.routes)
    var route: String?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Judge the messages since then, as in 24h, 7d or 2026-11-23T09:00:00Z; --route takes those of one route alone.",
            valueName: "since"
        )
    )
    var replay: String?
    @Option(name: .long, help: "A person's e-mail address.")
    var email: String?
    @Option(name: .long, help: "A service token's client id.")
    var serviceToken: String?
    @Option(name: .long, help: "The person's `sub` claim, for the deny list of subjects.")
    var subject: String?
    @Option(name: .long, help: "A group of the person's; may be given more than once.")
    var group: [String] = []
    @Option(name: .long, help: "A claim of the assertion, as PATH=TEXT; may be given more than once.")
    var claim: [String] = []
    @Option(name: .long, help: "An MCP tool.")
    var tool: String?
    @Option(name: .long, help: "An MCP prompt.")
    var prompt: String?
    @Option(name: .long, help: "An MCP resource, by URI.")
    var resource: String?
    @Option(name: .long, help: "With --tool: the call's arguments, a JSON object.")
    var arguments: String?

    func validate() throws {
        if replay != nil {
            guard [email, serviceToken, subject, tool, prompt, resource, arguments].allSatisfy({ $0 == nil }),
                group.isEmpty, claim.isEmpty
            else {
                throw ValidationError("--replay asks about everybody and every target that the audit has")
            }
            return
        }
        guard route != nil else { throw ValidationError("name the route: --route") }
        guard (email == nil) != (serviceToken == nil) else {
            throw ValidationError("name one principal: --email or --service-token")
        }
        guard subject == nil || email != nil else { throw ValidationError("--subject goes with --email") }
        guard group.isEmpty || email != nil else { throw ValidationError("--group goes with --email") }
        guard [tool, prompt, resource].compactMap({ $0 }).count <= 1 else {
            throw ValidationError("name one target at most: --tool, --prompt or --resource")
        }
        guard arguments == nil || tool != nil else { throw ValidationError("--arguments goes with --tool") }
    }

    func run() async throws {
        if let replay { return try await judge(since: replay) }
        let configuration = try file.load(needing: [.access, .routes])
        let found = try configuration.route(named: route ?? "")
        let principal =
            email.map { Principal(kind: .user, name: $0, subject: subject ?? "") }
            ?? Principal(kind: .service, name: serviceToken ?? "")
        let call =
            try tool.map { try toolCall($0) } ?? prompt.map { PolicyInquiry.Call(.prompt, $0) }
            ?? resource.map { PolicyInquiry.Call(.resource, $0) }
        let inquiry = PolicyInquiry(
            configuration.access,
            denying: await Self.denials(configuration),
            found,
            principal,
            try attributes(),
            call
        )
        let pin = inquiry.refusal == nil ? try await pinned(inquiry) : nil
        show(inquiry, pin)
        if let identity = configuration.access.identity, email != nil, group.isEmpty, claim.isEmpty,
            found.asksAttributes || !configuration.access.deny.groups.isEmpty
        {
            Terminal.hint(
                "the person's groups and claims are fetched from \(identity.url): name some by --group and --claim"
            )
        }
        // The answer says why.
        if inquiry.refusal ?? pin?.refusal != nil { throw CommandFailure(.failed, lines: []) }
    }

    /// The entries of `gatehouse deny`; where they cannot be read, the file alone is asked, and standard error says so.
    static func denials(_ configuration: Configuration) async -> DenyBook {
        var words = "the file does not say where they are"
        if configuration.unread.isDisjoint(with: [.stores, .store, .tokens]) {
            do { return try await DenyAssembly.entries(configuration) } catch {
                words = (error as? TokenError)?.message ?? "\(error)"
            }
        }
        Terminal.warning("the entries of `gatehouse deny` cannot be read and are not looked at: \(words)")
        return DenyBook()
    }

    /// The state of the tool on a route that pins its tools; nil where no pin is asked.
    private func pinned(_ inquiry: PolicyInquiry) async throws -> PinnedTool? {
        guard let call = inquiry.call, call.kind == .tool, inquiry.route.pin != nil else { return nil }
        let configuration = try file.load(needing: [.routes, .stores])
        let book = try await Pins.store(configuration, isUntouched: true).pins(of: inquiry.route.name)?.book
        return PinnedTool(pin: ToolName(call.target).flatMap { book?.pins[$0] })
    }

    /// A tool as its pin has it.
    private struct PinnedTool {
        /// Nil for one that was never seen.
        let pin: PinBook.Pin?

        var refusal: Reason? { pin?.state == .approved ? nil : .toolUnapproved }

        var words: String {
            switch pin?.state {
            case .approved: "the tool is as \(pin?.approved?.by ?? "") approved it"
            case .changed: "the upstream lists the tool in another way than was approved"
            case .new: "the tool waits for its approval"
            case .rejected: "the tool was rejected as the upstream lists it"
            case nil: "the tool was not seen in any list"
            }
        }
    }

    private func toolCall(_ tool: String) throws(CommandFailure) -> PolicyInquiry.Call {
        guard let arguments else { return PolicyInquiry.Call(.tool, tool) }
        do throws(InvalidValue) {
            return try PolicyInquiry.Call(tool: tool, arguments: arguments)
        } catch { throw CommandFailure(error.message, hint: error.suggestion) }
    }

    private func attributes() throws(CommandFailure) -> CallerAttributes {
        var claims: [MemberPath: [String]] = [:]
        for text in claim {
            guard let equals = text.firstIndex(of: "="), text[equals...].count > 1 else {
                throw CommandFailure("'\(text)' is not PATH=TEXT", hint: "--claim country=DE", code: .usage)
            }
            do throws(InvalidValue) {
                let path = try MemberPath(parsing: String(text[..<equals]))
                claims[path, default: []].append(String(text[equals...].dropFirst()))
            } catch { throw CommandFailure(error) }
        }
        return CallerAttributes(groups: group, claims: claims)
    }

    private func show(_ inquiry: PolicyInquiry, _ pin: PinnedTool?) {
        let refusal = inquiry.refusal ?? pin?.refusal
        if case .someArguments = inquiry.ground {
            Terminal.hint("add --arguments '{…}' to ask about a call")
        }
        if inquiry.ignoresCall { Terminal.hint("the route's protocol is http: calls are not looked at") }
        guard form.json else {
            Terminal.print(
                "\(refusal == nil ? "allow" : "deny"): \(words(inquiry.ground))\(pin.map { ", and \($0.words)" } ?? "")"
                    .visible
                    + (refusal.map { " (\($0.rawValue))" } ?? "")
            )
            for index in listed(inquiry) { Terminal.print("  \(index + 1). \(grant(index, inquiry))".visible) }
            Terminal.print("guard: \(inquiry.route.guardWords)")
            return
        }
        var json = JSONText()
        json.object { json in
            json.string("decision", refusal == nil ? "allow" : "deny")
            json.string("route", inquiry.route.name.text)
            json.string("principal_kind", inquiry.principal.kind.rawValue)
            json.string("principal", inquiry.principal.name)
            if let call = inquiry.call {
                json.string("target_kind", "\(call.kind)")
                json.string("target", call.target)
            }
            if let refusal { json.string("reason", refusal.rawValue) }
            if let pin { json.string("pin", pin.pin?.state.rawValue ?? "unseen") }
            if case .grant(let index) = inquiry.ground { json.number("grant", index + 1) }
            if case .denyList(let list) = inquiry.ground { json.string("deny_list", list) }
            if case .denied(let entry) = inquiry.ground { json.object("denied_by") { entry.write(to: &$0) } }
            if case .someArguments = inquiry.ground { json.bool("depends_on_arguments", true) }
            if case .deniedArguments(_, let argument?) = inquiry.ground { json.string("argument", argument) }
            json.string("because", words(inquiry.ground))
            json.object("guard") { inquiry.route.writeGuard(to: &$0) }
            json.array("grants") { list in
                for index in listed(inquiry) {
                    list.object { entry in
                        entry.number("entry", index + 1)
                        entry.string("allow", grant(index, inquiry))
                    }
                }
            }
        }
        Terminal.print(json)
    }

    /// The entries that the decision rests on; when none names the principal, all that there are.
    private func listed(_ inquiry: PolicyInquiry) -> [Int] {
        if case .noGrant = inquiry.ground { return Array((inquiry.route.policy.grants ?? []).indices) }
        return inquiry.grants
    }

    private func words(_ ground: PolicyInquiry.Ground) -> String {
        switch ground {
        case .denyList(let list): "access.deny.\(list) names the principal"
        case .denied(let entry):
            "`gatehouse deny` names the principal: \(entry), by \(entry.by) at \(entry.at.rfc3339)"
        case .everyone: "the route has no allow list, so everyone whom Access admits may use it"
        case .grant(let index): "allow entry \(index + 1) covers it"
        case .noGrant: "no allow entry names the principal"
        case .someArguments(let grants):
            entries(grants, "covers it", "cover it") + "for calls whose arguments pass its rules"
        case .deniedArguments(let grants, let argument):
            entries(grants, "covers the tool, and not", "cover the tool, and none")
                + (argument.map { "this call's argument \($0)" } ?? "this call's arguments")
        case .noTarget(let grants):
            entries(grants, "names the principal and does not cover", "name the principal, and none covers")
                + "the target"
        case .ambiguousTarget(let grants):
            entries(grants, "lists what the principal may use", "list what the principal may use")
                + "and readers would take this target for another one than is written"
        case .malformedTarget(let grants):
            entries(grants, "lists what the principal may use", "list what the principal may use")
                + "and this target is empty or too long"
        }
    }

    private func entries(_ grants: [Int], _ one: String, _ several: String) -> String {
        let numbers = grants.map { String($0 + 1) }.joined(separator: ", ")
        return grants.count == 1 ? "allow entry \(numbers) \(one) " : "allow entries \(numbers) \(several) "
    }

    /// An entry of `allow` much as the file writes it.
    private func grant(_ index: Int, _ inquiry: PolicyInquiry) -> String {
        guard let grant = inquiry.route.policy.grants?[index] else { return "" }
        func words(_ list: [some CustomStringConvertible]) -> String {
            list.map(\.description).joined(separator: ", ")
        }
        let parts: [(key: String, words: String?)] = [
            ("users", grant.users.isEmpty ? nil : words(grant.users)),
            ("service_tokens", grant.serviceTokens.isEmpty ? nil : words(grant.serviceTokens)),
            ("groups", grant.callers.groups.isEmpty ? nil : words(grant.callers.groups)),
            ("tools", grant.tools.map(words)), ("prompts", grant.prompts.map(words)),
            ("resources", grant.resources.map(words)),
        ]
        let claims = grant.callers.claims.map(\.description).joined(separator: ", ")
        let written =
            parts.compactMap { key, words in words.map { "\(key): [\($0)]" } }
            + (claims.isEmpty ? [] : ["claims: { \(claims) }"])
        return "{ \(written.joined(separator: ", ")) }"
    }
}

extension Configuration {
    /// - Throws: ``CommandFailure`` naming the routes that there are.
    func route(named name: String) throws(CommandFailure) -> Route {
        if let route = routes.routes.first(where: { $0.name.text == name }) { return route }
        throw CommandFailure(
            incomplete.contains(.routes)
                ? "there is no route '\(name)' that can be read" : "there is no route '\(name)'",
            hint: "routes: \(routes.routes.map(\.name.text).joined(separator: ", "))"
        )
    }
}
