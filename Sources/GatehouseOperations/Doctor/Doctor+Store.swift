internal import CurlClient
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens

/// The live store, the tokens in it, and whether upstreams take them.
extension Doctor {
    /// - Returns: the findings, and what could be read.
    func store() async -> ([Finding], [TokenName: TokenValue]) {
        let name = configuration.store.name.text
        let kind = configuration.store.settings.kind.rawValue
        var load: TokenLoad
        var summaries: [TokenSummary] = []
        var trust: [Finding] = []
        var seeds = GrantLoad()
        do {
            if case .sqlite(let path, _) = configuration.store.settings, FileStatus(path) == nil {
                _ = try StoreAssembly.store(configuration.store.settings, names: [])
                return (noDatabase(name, path), [:])
            }
            let store = try StoreAssembly.store(
                configuration.store.settings,
                names: configuration.tokenNames,
                isUntouched: true
            )
            load = try await store.load()
            if let sealed = store as? SealedTokenStore { seeds = (try? await sealed.sharedGrants()) ?? seeds }
            summaries = (try? await store.list()) ?? []
            trust = await self.trust(in: store)
        } catch {
            let words = (error as? TokenError)?.message ?? (error as? GatehouseError)?.message ?? "\(error)"
            let hint = (error as? TokenError)?.hint ?? (error as? GatehouseError)?.hint
            return ([.store(name, words, hint: hint)], [:])
        }
        var findings =
            [Finding(.store, .ok, name, "kind \(kind), \(StatusWords.count(load.tokens.count, "token"))")] + trust
        findings += await reachOfState()
        if let clock = load.clock { findings.append(self.clock(.store, clock)) }
        let stored = Set(load.tokens.keys)
        let grants = await grants(&findings)
        let renewed = Set(configuration.renewedTokens.keys)
        load = load.serving(grants, of: renewed, at: now)
            .withholding(seedsOf: seeds, except: renewed).withholding(seedsOf: grants, except: renewed)
        // Who lacks a personal token is asked to connect one: nothing is missing then.
        for token in configuration.tokenNames.subtracting(configuration.personalTokens.keys).sorted() {
            if let renewal = configuration.renewedTokens[token] {
                let isSeeded = renewal.needsSeed
                let state = RenewalState(
                    of: token,
                    in: grants,
                    needsSeed: isSeeded,
                    hasSeed: stored.contains(token),
                    at: now
                )
                findings.append(.renewal(token, state, isSeeded: isSeeded, routes: users[token] ?? []))
                continue
            }
            findings.append(self.token(token, load, summaries.first { $0.name == token }))
        }
        return (findings, load.tokens)
    }

    /// The last grants of renewed tokens. Where the store that keeps them cannot be read, that is a finding.
    private func grants(_ findings: inout [Finding]) async -> GrantLoad {
        guard let state = configuration.state else { return GrantLoad() }
        // The first renewal makes it.
        if case .sqlite(let path, _) = state.settings, FileStatus(path) == nil { return GrantLoad() }
        do {
            return try await RenewalAssembly.store(configuration, isUntouched: true)?.sharedGrants() ?? GrantLoad()
        } catch {
            let error = error as? TokenError
            findings.append(.store(state.name.text, error?.message ?? "cannot be read", hint: error?.hint))
            return GrantLoad()
        }
    }

    /// The first token makes it. Nothing here does: made by who looks, it might be another user's than the one that serves.
    private func noDatabase(_ name: String, _ path: String) -> [Finding] {
        let folder = FileStatus.folder(of: path)
        guard FileStatus(folder)?.isWritable ?? false else {
            let advice = "make it, owned by this user"
            return [
                Finding(.store, .fail, name, "\(path) is not there, and \(folder) cannot be written", advice: advice)
            ]
        }
        let tokens = configuration.tokenNames.subtracting(configuration.tokens.keys).sorted().map { missing($0) }
        return [Finding(.store, .ok, name, "\(path) will be made with the first token")] + tokens
    }

    private func missing(_ name: TokenName) -> Finding {
        .token(name, version: nil, routes: users[name] ?? [], now: now)
    }

    private func token(_ name: TokenName, _ load: TokenLoad, _ summary: TokenSummary?) -> Finding {
        .token(
            name,
            problem: load.problems.first { $0.name == name }?.error,
            version: load.tokens[name]?.version,
            expiresAt: summary?.expiresAt,
            isShort: ShortSecrets.contains(name, load.tokens[name]?.secret, of: configuration.routes.routes),
            routes: users[name] ?? [],
            now: now
        )
    }

    /// Asks what each route's `probe` names.
    func credentials(_ tokens: [TokenName: TokenValue]) async -> [Finding] {
        var findings: [Finding] = []
        for route in configuration.routes.routes {
            guard let probe = route.probe else { continue }
            let headers = probe.headers.compactMap { header($0, tokens) }
            guard headers.count == probe.headers.count else { continue }
            findings.append(await credential(route, probe, headers))
        }
        return findings
    }

    private func credential(_ route: Route, _ probe: Route.Probe, _ headers: [CurlHeader]) async -> Finding {
        let response: CurlResponse
        do throws(CurlError) {
            response = try await CurlClient().perform(CurlRequest(probe.url, headers: headers))
        } catch {
            return Finding(.credential, .warn, route.name.text, "the probe gets no answer: \(error.message)")
        }
        if response.status == probe.expect {
            return Finding(.credential, .ok, route.name.text, "the probe answers \(response.status)")
        }
        let isRejected = response.status == 401 || response.status == 403
        return Finding(
            .credential,
            isRejected ? .fail : .warn,
            route.name.text,
            "the probe answers \(response.status), not \(probe.expect)",
            advice: isRejected ? "the token is not good any more: gatehouse token rotate \(route.name)" : nil
        )
    }

    /// A field of a probe; nil when a token that it names is missing. The parts stay in one secret.
    private func header(_ injection: Injection, _ tokens: [TokenName: TokenValue]) -> CurlHeader? {
        var bytes: [UInt8] = []
        for part in injection.value.parts {
            switch part {
            case .literal(let text): bytes += text.utf8
            case .token(let name):
                guard let value = tokens[name] else { return nil }
                value.secret.withUnsafeBytes { bytes += $0 }
            // The doctor makes the call, and has no assertion.
            case .email, .subject, .principal, .assertion, .claim: bytes += "gatehouse-doctor".utf8
            }
        }
        let secret = Secret(bytes)
        return CurlHeader(injection.name.text) { body in secret.withUnsafeBytes { body($0) } }
    }
}
