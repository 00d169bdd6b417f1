internal import AccessIdentity
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseProxy
internal import GatehouseTokens
internal import Synchronization

extension Gatehouse {
    func statusPage() async -> AdminServer.Page {
        AdminServer.Page(
            type: "text/html; charset=utf-8",
            body: StatusPage(facts: await statusFacts()).html,
            fields: StatusPage.fields
        )
    }

    func status(_ form: StatusForm) async -> AdminServer.Page {
        let facts = await statusFacts()
        let body =
            switch form {
            case .json: facts.json.text + "\n"
            case .text: StatusReport(facts).text
            case .markdown: StatusReport(facts).markdown
            }
        return AdminServer.Page(type: form.type, body: body)
    }

    private func statusFacts() async -> StatusFacts {
        let traffic = await traffic()
        var facts = StatusFacts(startedAt: startedAt, instance: await self.facts(traffic.snapshot))
        facts.version = version
        facts.minute = LoopMetrics.minute
        facts.traffic = traffic.snapshot
        facts.openExchanges = traffic.openExchanges
        facts.openConnections = proxy.openConnections
        facts.file = path.map { StatusFile(path: $0, inForce: inForce.withLock { $0.text }) }
        facts.storeKind = tokens.source.settings.kind.rawValue
        switch await tokens.list() {
        case .success(let list): facts.tokens = list
        case .failure(let error): facts.tokensProblem = error.message
        }
        if live.takesBearers {
            facts.credentials = bearers.state.live.map { bearer in
                StatusFacts.Credential(name: bearer.name, expiresAt: bearer.expiresAt)
            }
        }
        return facts
    }
}
