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

    package static func store(_ name: String, _ words: String, hint: String?, _ verdict: Verdict = .fail) -> Finding {
        Finding(.store, verdict, name, words, advice: hint ?? "last-good tokens serve for store_max_stale")
    }

    /// A token that the store does not give, or that ends.
    ///
    /// - Parameters:
    ///   - problem: why it does not open, for one that is there.
    ///   - version: nil for one that is not there.
    ///   - routes: those that inject it.
    package static func token(
        _ name: TokenName,
        problem: TokenError? = nil,
        version: Int?,
        expiresAt: Timestamp? = nil,
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
    /// Files that secrets of the stores are read from.
    package var secretFiles: [String] {
        stores.flatMap { store -> [SecretSource] in
            switch store.settings {
            case .sqlite(_, let keys), .postgres(_, let keys): keys.all
            case .infisical(let infisical): [infisical.clientID, infisical.clientSecret]
            case .environment: []
            }
        }
        .compactMap { if case .file(let path) = $0 { path } else { nil } }
    }
}
