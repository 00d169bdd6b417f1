internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens

/// Ends the tokens of persons: at the vendor where that is offered, and here in any case.
struct OwnerEnding {
    private let connector: TokenConnector
    private let connections: [TokenName: OAuthConnection]
    private let configuration: Configuration
    private let action: AuditChange.Action
    private let actor: String

    /// - Parameter action: as the audit is to call it.
    init(
        _ configuration: Configuration,
        _ store: SealedTokenStore,
        _ action: AuditChange.Action,
        by actor: String
    ) async throws {
        self.configuration = configuration
        self.action = action
        let keys = try await InstanceKeys(configuration)
        connector = TokenConnector(
            store: store,
            keys: { keys.keys(for: .connect) },
            clock: SystemClock(),
            holder: "command-\(UInt64.random(in: .min ... .max))"
        )
        connections = configuration.personalTokens.keys.reduce(into: [:]) { connections, name in
            connections[name] = ConnectAssembly.token(name, in: configuration)?.connection
        }
        self.actor = actor
    }

    /// Says of each what became of it. One that fails keeps no other from its end.
    ///
    /// - Throws: ``CommandFailure`` when one is still here.
    func end(_ rows: [PersonalGrants.Row], json isJSON: Bool) async throws {
        var json = JSONText()
        var left = 0
        var results: [(row: PersonalGrants.Row, word: String, note: String)] = []
        for row in rows {
            let person = TokenConnector.Person(owner: row.owner, email: actor)
            do throws(ConnectFailure) {
                switch try await connector.end(row.key.token, of: person, by: connections[row.key.token]) {
                case .revoked: results.append((row, "revoked", "at the vendor, and deleted here"))
                case .notOffered:
                    results.append((row, "deleted", "the vendor offers no revocation: end it there by hand"))
                case .failed(let failure):
                    results.append((row, "deleted", "not revoked at the vendor: \(failure.message)"))
                }
            } catch {
                left += 1
                results.append((row, "failed", error.message))
                continue
            }
            var event = AuditChange(action, by: .operator(actor))
            (event.token, event.owner) = (row.key.token, row.owner)
            await Token.record(event, configuration)
        }
        json.array { list in
            for result in results {
                list.object { object in
                    object.string("token", result.row.key.token.text)
                    object.string("owner", result.row.who)
                    object.string("subject", result.row.owner.text)
                    object.string("result", result.word)
                    object.string("note", result.note)
                }
            }
        }
        let lines = results.map { "\($0.row.key.token) of \($0.row.who): \($0.word) (\($0.note))" }
        if isJSON { Terminal.print(json) } else { for line in lines { Terminal.print(line) } }
        guard left == 0 else {
            throw CommandFailure("\(left) of \(rows.count) tokens are still there", hint: "run it again")
        }
    }
}
