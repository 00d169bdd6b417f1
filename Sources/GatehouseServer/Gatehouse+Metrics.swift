internal import AccessIdentity
internal import GatehouseAudit
internal import GatehouseCore
internal import GatehouseProxy
internal import GatehouseTokens
internal import Synchronization

extension Gatehouse {
    /// The sum of all loops' metrics.
    func traffic() async -> (snapshot: LoopMetrics.Snapshot, openExchanges: Int) {
        var traffic = LoopMetrics.Snapshot()
        var exchanges = 0
        let loops = (try? await proxy.onEachLoop { ($0.metrics.current, $0.openExchanges) }) ?? []
        for (snapshot, open) in loops {
            traffic.add(snapshot)
            exchanges += open
        }
        return (traffic, exchanges)
    }

    func metrics() async -> MetricsText {
        let now = SystemClock().now()
        let traffic = await traffic()
        var text = MetricsText()
        let facts = await facts(traffic.snapshot)
        text.addBuild(version: version, startedAt: startedAt)
        text.addProblems(facts)
        text.addClocks(facts.leads)
        text.addTraffic(
            traffic.snapshot,
            routes: live.routes.routes,
            openConnections: proxy.openConnections,
            openExchanges: traffic.openExchanges
        )
        text.addKeys(await keys.status, now: now)
        text.addIdentities(facts.identities?.status)
        text.addTokens(tokens.refreshState, reverts: tokens.reverts, now: now)
        text.addRenewals(renewals.states)
        text.addPersonal(renewals.source.personalNames, renewals.source.renewer?.personalTokens ?? .none)
        text.addPins(facts.pins)
        text.addDenials(facts.denials)
        text.addFleet(facts.fleet)
        text.addBearers(bearers.state)
        text.addAudit(audit.state(at: now))
        text.addReload(reloadState.withLock { $0 })
        if let logQueue { text.addLog(lost: logQueue.lost) }
        if let telemetry { text.addTelemetry(telemetry.status) }
        return text
    }
}
