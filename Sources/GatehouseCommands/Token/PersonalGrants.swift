internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens

/// The tokens of persons as the store has them, for commands.
struct PersonalGrants {
    struct Row {
        let key: GrantKey
        let owner: TokenOwner
        /// Nil for one that cannot be trusted or opened.
        let record: GrantRecord?
        let problem: TokenError?
    }

    let store: SealedTokenStore
    private(set) var rows: [Row]

    /// - Throws: ``CommandFailure`` where the configuration has no such tokens.
    init(_ configuration: Configuration) async throws {
        guard !configuration.personalTokens.isEmpty, let store = try RenewalAssembly.store(configuration) else {
            throw CommandFailure(
                "no token of this configuration is personal",
                hint: "tokens: { NAME: { per: person, connect: … } }",
                code: .usage
            )
        }
        self.store = store
        let load = try await store.grants()
        rows = Set(load.grants.keys).union(load.problems.keys).sorted().compactMap { key in
            key.owner.map { Row(key: key, owner: $0, record: load.grants[key], problem: load.problems[key]) }
        }
    }

    func of(_ token: TokenName) -> PersonalGrants {
        var some = self
        some.rows = rows.filter { $0.key.token == token }
        return some
    }

    func of(_ who: OwnerChoice) -> PersonalGrants {
        var some = self
        some.rows = rows.filter { who.means($0) }
        return some
    }

    // MARK: - In words

    private static let heading = [
        "TOKEN", "OWNER", "ACCOUNT", "STATE", "VERSION", "CONNECTED", "ENDS", "SUBJECT", "NOTE",
    ]

    /// - Throws: ``CommandFailure`` when there is none.
    func shownOrMissing(json isJSON: Bool) throws(CommandFailure) {
        guard !rows.isEmpty else {
            throw CommandFailure("there is no such token", hint: "gatehouse token list --owners")
        }
        show(json: isJSON)
    }

    func show(json isJSON: Bool) {
        guard isJSON else {
            return TokenTable.show([Self.heading] + rows.map(\.line))
        }
        var json = JSONText()
        json.array { list in for row in rows { row.write(to: &list) } }
        Terminal.print(json)
    }
}

extension PersonalGrants.Row {
    private var person: GrantPerson? { record?.kept.person }

    /// The address, or the id of a service.
    var who: String {
        if let email = person?.email, !email.isEmpty { return email }
        return owner.serviceID ?? "-"
    }

    private var state: String {
        switch record?.kept {
        case .usable?: "connected"
        case .needsConnecting?: "needs_connecting"
        case .client?, nil: "unreadable"
        }
    }

    private var end: Timestamp? { if case .usable(let grant)? = record?.kept { grant.expiresAt } else { nil } }

    private var note: String {
        if let problem { return problem.message }
        if case .needsConnecting(let why, _, _)? = record?.kept { return why }
        return record?.failure ?? ""
    }

    fileprivate var line: [String] {
        [
            key.token.text, who, person.map { $0.account.isEmpty ? "-" : $0.account } ?? "-", state,
            record.map { String($0.version) } ?? "-", person?.connectedAt.rfc3339 ?? "-", end?.rfc3339 ?? "-",
            owner.text, note,
        ]
    }

    fileprivate func write(to json: inout JSONText) {
        json.object { json in
            json.string("token", key.token.text)
            json.string("owner", who)
            json.string("subject", owner.text)
            if let account = person?.account, !account.isEmpty { json.string("account", account) }
            json.string("state", state)
            if let record { json.number("version", record.version) }
            if let person { json.string("connected_at", person.connectedAt.rfc3339) }
            if let end { json.string("expires_at", end.rfc3339) }
            if !note.isEmpty { json.string("problem", note) }
        }
    }
}
