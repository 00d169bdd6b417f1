internal import CurlClient
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseTokens

/// The live store, the tokens in it, and whether upstreams take them.
extension Doctor {
    /// - Returns: the findings, and what could be read.
    func store() async -> ([Finding], [TokenName: TokenValue]) {
        let name = configuration.store.name.text
        let kind = configuration.store.settings.kind.rawValue
        let load: TokenLoad
        var summaries: [TokenSummary] = []
        var trust: [Finding] = []
        do {
            let store = try StoreAssembly.store(configuration.store.settings, names: configuration.tokenNames)
            load = try await store.load()
            summaries = (try? await store.list()) ?? []
            trust = await self.trust(in: store)
        } catch {
            let words = (error as? TokenError)?.message ?? (error as? GatehouseError)?.message ?? "\(error)"
            let hint = (error as? TokenError)?.hint ?? (error as? GatehouseError)?.hint
            return (
                [Finding(.store, .fail, name, words, advice: hint ?? "last-good tokens serve for store_max_stale")], [:]
            )
        }
        var findings = [Finding(.store, .ok, name, "kind \(kind), \(load.tokens.count) tokens")] + trust
        for token in configuration.tokenNames.sorted() {
            findings.append(self.token(token, load, summaries.first { $0.name == token }))
        }
        return (findings, load.tokens)
    }

    private func token(_ name: TokenName, _ load: TokenLoad, _ summary: TokenSummary?) -> Finding {
        if let problem = load.problems.first(where: { $0.name == name })?.error {
            return Finding(.token, .fail, name.text, problem.message, advice: problem.hint)
        }
        guard let value = load.tokens[name] else {
            let routes = configuration.routes.routes.filter { $0.tokens.contains(name) }.map(\.name.text)
            let advice = "gatehouse token set \(name)"
            let detail = "is not in the store, and needed by \(routes.joined(separator: ", "))"
            return Finding(.token, .fail, name.text, detail, advice: advice)
        }
        guard let end = summary?.expiresAt else { return Finding(.token, .ok, name.text, "version \(value.version)") }
        let advice = "have a new one made and run gatehouse token rotate \(name)"
        if end <= now {
            return Finding(.token, .fail, name.text, "version \(value.version) ended at \(end.rfc3339)", advice: advice)
        }
        let detail = "version \(value.version), ends in \(StatusWords.span(end - now))"
        let isSoon = end - now < Self.expiryNotice
        return Finding(.token, isSoon ? .warn : .ok, name.text, detail, advice: isSoon ? advice : nil)
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
            // Nobody calls: the doctor asks for itself.
            case .email, .subject, .principal: bytes += "gatehouse-doctor".utf8
            }
        }
        let secret = Secret(bytes)
        return CurlHeader(injection.name.text) { body in secret.withUnsafeBytes { body($0) } }
    }
}
