internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens

extension Token {
    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "set",
            abstract: "Set a token, new or not. The value is read from standard input, a variable or a file."
        )

        @OptionGroup var place: Place
        @OptionGroup var form: FormOption
        @OptionGroup var record: Record
        @OptionGroup var expiry: Expiry
        @OptionGroup var whose: Whose
        @Argument(help: "The token's name.", completion: Completions.tokens)
        var name: String
        // Takes every further argument, so it stands last.
        @OptionGroup var input: SecretInput

        func run() async throws {
            let name = try Token.name(name)
            let configuration = try place.load(whole: try whose.choice == nil ? [] : [.tokens])
            if let owner = try whose.choice { return try await set(name, of: owner, configuration) }
            try Token.mayBeSet(name, configuration)
            let store = try place.open(configuration)
            let change = try record.change(expiresAt: try expiry.end(at: SystemClock().now()))
            let value = try input.read(what: "value")
            await Token.warn(of: value, for: name, in: store, configuration)
            let summary = try await store.set(name, to: value, change)
            TokenTable.show([summary], json: form.json)
            await place.record(.tokenSet, of: name, version: summary.version, by: change, configuration)
        }

        /// Machines have no page on which they could connect one.
        private func set(_ name: TokenName, of choice: OwnerChoice, _ configuration: Configuration) async throws {
            let now = SystemClock().now()
            guard configuration.personalTokens[name] != nil else {
                throw CommandFailure("'\(name)' is no personal token", hint: "per: person", code: .usage)
            }
            guard let owner = choice.owner else {
                throw CommandFailure(
                    "an address may be given to another person: a person's token is set on their page, or by --owner and the sub",
                    hint: "gatehouse token list --owners shows each sub",
                    code: .usage
                )
            }
            let grants = try await PersonalGrants(configuration)
            let value = try input.read(what: "value")
            // It goes into a header.
            _ = try TokenValue(validating: value, version: 1)
            let known = grants.of(name).of(choice).rows.first?.record?.kept.person?.email ?? ""
            let grant = TokenGrant(
                access: value,
                issuedAt: now,
                expiresAt: try expiry.end(at: now),
                person: GrantPerson(email: known, connectedAt: now)
            )
            let actor = try record.change().actor
            let version = try await grants.store.take(.usable(grant), as: GrantKey(name, owner: owner), by: actor)
            var event = AuditChange(.tokenSet, by: .operator(actor))
            (event.token, event.owner, event.version) = (name, owner, version)
            await Token.record(event, configuration)
            try await PersonalGrants(configuration).of(name).of(choice).shownOrMissing(json: form.json)
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rotate",
            abstract: "Set a new version of a token; the one before is kept for rollback.",
            discussion: """
                The new value is tried first, by the `probe` of every route that uses the token. Unless all of them answer as \
                expected, nothing changes.
                """
        )

        @OptionGroup var place: Place
        @OptionGroup var form: FormOption
        @OptionGroup var record: Record
        @OptionGroup var expiry: Expiry
        @Flag(name: .customLong("no-probe"), help: "Do not try the new value first.")
        var skipsProbe = false
        @Argument(help: "The token's name.", completion: Completions.tokens)
        var name: String
        // Takes every further argument, so it stands last.
        @OptionGroup var input: SecretInput

        func run() async throws {
            let name = try Token.name(name)
            // A refresh token is for the authorization server: no upstream is asked with it.
            let configuration = try place.load(whole: skipsProbe ? [] : [.tokens])
            try Token.mayBeSet(name, configuration)
            let store = try place.open(configuration)
            let change = try record.change(expiresAt: try expiry.end(at: SystemClock().now()))
            let value = try input.read(what: "new value")
            await Token.warn(of: value, for: name, in: store, configuration)
            if !skipsProbe, configuration.renewedTokens[name] == nil, store.capabilities.contains(.writing) {
                try await probe(value, of: name, in: store, configuration)
            }
            let summary = try await store.rotate(name, to: value, change)
            TokenTable.show([summary], json: form.json)
            await place.record(.tokenRotate, of: name, version: summary.version, by: change, configuration)
        }

        private func probe(
            _ value: Secret,
            of name: TokenName,
            in store: any TokenStore,
            _ configuration: Configuration
        ) async throws {
            let probe = TokenProbe(of: name, in: configuration)
            guard !probe.isEmpty else {
                guard configuration.tokenNames.contains(name) else { return }
                return Terminal.warning("no route that uses '\(name)' has a probe: the new value is not tried")
            }
            let load = try await RenewalAssembly.served(store, configuration).load()
            let version = (load.tokens[name]?.version ?? 0) + 1
            let verdicts = await probe.run(
                with: try TokenValue(validating: value, version: version),
                others: load.tokens
            )
            for verdict in verdicts {
                if let problem = verdict.problem { Terminal.error("route '\(verdict.route)': \(problem)") }
            }
            let isRefused = verdicts.contains { if case .fails = $0.answer { true } else { false } }
            guard verdicts.allSatisfy({ $0.problem == nil }) else {
                throw CommandFailure(
                    isRefused
                        ? "the new value of '\(name)' does not work: nothing was changed"
                        : "whether the new value of '\(name)' works is not known: nothing was changed",
                    hint: "--no-probe sets it all the same"
                )
            }
        }
    }

    struct Rollback: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rollback",
            abstract: "Make the version before current again. Going back twice goes back two."
        )

        @OptionGroup var place: Place
        @OptionGroup var form: FormOption
        @OptionGroup var record: Record
        @Argument(help: "The token's name.", completion: Completions.tokens)
        var name: String

        func run() async throws {
            let name = try Token.name(name)
            let configuration = try place.load(whole: [.tokens])
            guard configuration.renewedTokens[name] == nil else {
                throw CommandFailure(
                    "'\(name)' renews itself: an older refresh token would end all that came of it",
                    hint: "gatehouse token set \(name), with a new refresh token, begins anew"
                )
            }
            let change = try record.change()
            let summary = try await place.open(configuration).rollback(name, change)
            TokenTable.show([summary], json: form.json)
            await place.record(.tokenRollback, of: name, version: summary.version, by: change, configuration)
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "delete",
            abstract: "Destroy every version of a token."
        )

        @OptionGroup var place: Place
        @OptionGroup var record: Record
        @Flag(name: .long, help: "Do not ask.")
        var yes = false
        @Argument(help: "The token's name.", completion: Completions.tokens)
        var name: String

        func run() async throws {
            let name = try Token.name(name)
            let configuration = try place.load()
            let store = try place.open(configuration)
            if !yes {
                try Terminal.confirm(
                    "deleting a token is for good",
                    "Destroy every version of '\(name)'? Type its name: ",
                    by: name.text,
                    orElse: "nothing was deleted"
                )
            }
            let change = try record.change()
            if let renewal = configuration.renewedTokens[name], place.store == nil {
                // What it begins with first, so that nothing begins anew with it.
                if renewal.needsSeed {
                    do throws(TokenError) { try await store.delete(name, change) } catch {
                        guard error.code == .notFound else { throw error }
                    }
                } else {
                    Terminal.warning("an instance that serves '\(name)' obtains it anew while 'tokens' has it")
                }
                try await RenewalAssembly.store(configuration)?.deleteGrant(GrantKey(name), by: change.actor)
            } else {
                try await store.delete(name, change)
            }
            await place.record(.tokenDelete, of: name, version: nil, by: change, configuration)
        }
    }
}
