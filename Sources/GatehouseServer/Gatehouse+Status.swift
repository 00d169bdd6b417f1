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
        let now = SystemClock().now()
        var facts = StatusFacts(
            startedAt: startedAt,
            now: now,
            readiness: await readiness(),
            store: tokens.refreshState,
            reload: reloadState.withLock { $0 }
        )
        let traffic = await traffic()
        facts.version = version
        facts.minute = LoopMetrics.minute
        facts.routes = live.routes.routes
        facts.traffic = traffic.snapshot
        facts.openExchanges = traffic.openExchanges
        facts.openConnections = proxy.openConnections
        facts.keys = await keys.status
        facts.file = path.map { StatusFile(path: $0, inForce: inForce.withLock { $0.text }) }
        let source = tokens.source
        facts.served = Set(source.refresher.snapshot.tokens.keys)
        facts.storeName = source.name.text
        facts.storeKind = source.settings.kind.rawValue
        switch await tokens.list() {
        case .success(let list): facts.tokens = list
        case .failure(let error): facts.tokensProblem = error.message
        }
        if live.takesBearers {
            facts.credentials = bearers.state.live.map { bearer in
                StatusFacts.Credential(name: bearer.name, expiresAt: bearer.expiresAt)
            }
        }
        facts.audit = audit.state(at: now)
        return facts
    }
}
