internal import GatehouseConfig
package import GatehouseCore
package import GatehouseTokens

/// Findings that both the doctor and the running instance come to.
extension Finding {
    /// - Parameter words: why, as ``SigningKeySource/Status/Failure`` says it.
    package static func certs(_ url: String, _ words: String, _ verdict: Verdict = .fail) -> Finding {
        let advice =
            "is access.team the first label of the team's domain, and does DNS and a way out lead to it? "
            + "last-good keys serve for keys_max_stale"
        return Finding(.certs, verdict, "\(url): \(words)", advice: advice)
    }

    /// - Parameter words: why, as ``IdentityFailure`` says it.
    package static func identity(_ url: String, _ words: String, _ verdict: Verdict = .fail) -> Finding {
        let advice =
            "is access.identity.url the issuer's endpoint, and does DNS and a way out lead to it? "
            + "the last good identities serve for access.identity.max_stale"
        return Finding(.identity, verdict, "\(url): \(words)", advice: advice)
    }

    package static func store(_ name: String, _ words: String, hint: String?, _ verdict: Verdict = .fail) -> Finding {
        Finding(.store, verdict, name, words, advice: hint ?? "last-good tokens serve for store_max_stale")
    }

    /// A token that the store does not give, or that ends.
    ///
    /// - Parameters:
    ///   - problem: why it does not open, for one that is there.
    ///   - version: nil for one that is not there.
    ///   - isShort: whether answers are not searched for it, because it is too short, although its route asks for that.
    ///   - routes: those that inject it.
    package static func token(
        _ name: TokenName,
        problem: TokenError? = nil,
        version: Int?,
        expiresAt: Timestamp? = nil,
        isShort: Bool = false,
        routes: [String],
        now: Timestamp
    ) -> Finding {
        let needed = "needed by \(routes.joined(separator: ", "))"
        if let problem {
            return Finding(.token, .fail, name.text, "\(problem.message); \(needed)", advice: problem.hint)
        }
        guard let version else {
            let detail = "is not in the store, and \(needed)"
            return Finding(.token, .fail, name.text, detail, advice: "gatehouse token set \(name)")
        }
        if isShort, expiresAt.map({ $0 - now >= expiryNotice }) ?? true {
            let detail =
                "version \(version) has under \(Reflection.shortestSecret) bytes: answers are not searched for it"
            return Finding(
                .token,
                .warn,
                name.text,
                detail,
                advice: "have a longer one made and run gatehouse token rotate \(name)"
            )
        }
        guard let end = expiresAt else { return Finding(.token, .ok, name.text, "version \(version)") }
        let advice = "have a new one made and run gatehouse token rotate \(name)"
        if end <= now {
            let detail = "version \(version) ended at \(end.rfc3339), and \(needed)"
            return Finding(.token, .fail, name.text, detail, advice: advice)
        }
        guard end - now < expiryNotice else {
            return Finding(.token, .ok, name.text, "version \(version), ends at \(end.rfc3339)")
        }
        return Finding(.token, .warn, name.text, "version \(version), ends at \(end.rfc3339)", advice: advice)
    }

    /// A token that renews itself.
    ///
    /// - Parameters:
    ///   - isSeeded: whether it begins with a refresh token that an operator sets.
    ///   - routes: those that inject it.
    package static func renewal(
        _ name: TokenName,
        _ state: RenewalState,
        isSeeded: Bool,
        routes: [String]
    ) -> Finding {
        let needed = "needed by \(routes.joined(separator: ", "))"
        let problem = state.problem.map { ": \($0)" } ?? ""
        let set = "gatehouse token set \(name), with a refresh token"
        let end = state.expiresAt.map { "until \($0.rfc3339)" } ?? "while the upstream takes it"
        func finding(_ verdict: Verdict, _ detail: String, _ advice: String?) -> Finding {
            Finding(.renewal, verdict, name.text, detail, advice: advice)
        }
        switch state.word {
        case .needsConnecting:
            let advice = isSeeded ? set : state.hint ?? "have it put right at the server: it is asked again every 5 min"
            return finding(.fail, "needs connecting anew\(problem); \(needed)", advice)
        case .waitsForSeed: return finding(.fail, "has no refresh token to begin with, and \(needed)", set)
        case .unread, .obtaining, .failing:
            guard state.isServed else {
                return finding(.fail, "is not obtained yet\(problem); \(needed)", state.hint)
            }
            guard state.word == .failing else { return finding(.ok, "version \(state.version)", nil) }
            return finding(.warn, "cannot be renewed\(problem); version \(state.version) serves \(end)", state.hint)
        case .good:
            guard state.problem == nil else { return finding(.fail, "cannot be read\(problem)", state.hint) }
            return finding(.ok, "version \(state.version) serves \(end)", nil)
        }
    }

    /// Time before a token's end from which on a finding warns of it.
    static let expiryNotice: Duration = .seconds(14 * 86_400)

    /// The subject of the finding that a change of the file takes effect only after a restart.
    package static let restart = "restart"

    /// A file that was mounted alone and then replaced: the mount goes on showing the one that was deleted, so nothing that is written outside
    /// arrives here any more.
    package static func replacedFile(_ path: String, _ probe: Probe) -> Finding? {
        guard let file = FileStatus(path), file.isUnlinked else { return nil }
        return Finding(
            probe,
            .fail,
            path,
            "this file was replaced outside; the container still sees the old one: mount the folder",
            advice: "mount \(FileStatus.folder(of: path)) and not the file alone, and start the container again"
        )
    }
}

extension Configuration {
    /// Files that secrets of the stores and of renewals are read from.
    package var secretFiles: [String] {
        (stores.flatMap(\.settings.secrets) + tokens.values.flatMap(\.secrets)).compactMap {
            if case .file(let path) = $0 { path } else { nil }
        }
    }
}
