internal import AccessIdentity
internal import ArgumentParser
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer

struct JWT: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jwt",
        abstract: "Look into assertions.",
        subcommands: [Explain.self]
    )

    struct Explain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "explain",
            abstract: "Show each step of the verification of an assertion read from standard input.",
            discussion: "Exits 0 when it is verified, else 1. Neither the assertion nor its signature is printed."
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption
        @Option(
            name: .long,
            help: "The route whose audience is wanted (default: that of any route).",
            completion: Completions.routes
        )
        var route: String?
        @Option(name: .long, help: "A file with the key set (default: fetched from the certs URL).")
        var keys: String?
        @Option(name: .long, help: "The time to verify at, as in 2026-11-23T09:00:00Z (default: now).")
        var at: String?

        func run() async throws {
            let configuration = try file.load(needing: [.access, .routes], whole: route == nil ? [.routes] : [])
            let assertion = try SecretInput.standardInput(what: "assertion")
            guard let time = at.map({ Timestamp(parsing: $0) }) ?? SystemClock().now() else {
                throw CommandFailure("'\(at ?? "")' is not a time", hint: "2026-11-23T09:00:00Z", code: .usage)
            }
            let explanation = try await AssertionInquiry.explain(
                assertion,
                configuration,
                route: try route.map { name throws(CommandFailure) in try configuration.route(named: name) },
                keys: keys.map { .file($0) } ?? .issuer,
                at: time
            )
            show(explanation)
            if explanation.rejection != nil { throw CommandFailure(.failed, lines: []) }
        }

        private func show(_ explanation: AssertionExplanation) {
            guard form.json else {
                for entry in explanation.entries {
                    let mark =
                        switch entry.outcome {
                        case .passed: "ok  "
                        case .failed: "FAIL"
                        case .notReached: "-   "
                        }
                    let name = entry.step.rawValue
                    Terminal.print(
                        "\(mark)  \(name)\(String(repeating: " ", count: 12 - name.utf8.count))\(entry.detail.visible)"
                    )
                }
                for claim in explanation.claims {
                    Terminal.print("claim  \(claim.name): \(claim.value ?? "(not used)")".visible)
                }
                Terminal.print(verdict(explanation))
                return
            }
            var json = JSONText()
            json.object { json in
                json.bool("verified", explanation.rejection == nil)
                if let rejection = explanation.rejection { json.string("reason", rejection.rawValue) }
                if let assertion = explanation.assertion {
                    json.string("principal_kind", assertion.kind.rawValue)
                    json.string("principal", assertion.name)
                    json.string("expires_at", Timestamp(seconds: assertion.expiresAt).rfc3339)
                }
                json.array("steps") { steps in
                    for entry in explanation.entries {
                        steps.object { step in
                            step.string("step", entry.step.rawValue)
                            step.string("outcome", entry.outcome.rawValue)
                            step.string("detail", entry.detail)
                        }
                    }
                }
                json.object("claims") { claims in
                    // As JSON text, as the assertion writes them; null for those that play no part.
                    for claim in explanation.claims {
                        if let value = claim.value { claims.string(claim.name, value) } else { claims.null(claim.name) }
                    }
                }
            }
            Terminal.print(json)
        }

        private func verdict(_ explanation: AssertionExplanation) -> String {
            guard let assertion = explanation.assertion else {
                return "refused: \(explanation.rejection?.rawValue ?? "")"
            }
            let end = Timestamp(seconds: assertion.expiresAt).rfc3339
            return "verified: \(assertion.kind.rawValue) \(assertion.name) until \(end)".visible
        }
    }
}
