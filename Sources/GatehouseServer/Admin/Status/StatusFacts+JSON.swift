internal import AccessIdentity
internal import GatehouseAudit
internal import GatehouseConfig
package import GatehouseCore
internal import GatehouseProxy
internal import GatehouseTokens

/// The facts for programs: `gatehouse status --json`. Times are RFC 3339; a member that is not known is left out.
extension StatusFacts {
    var json: JSONText {
        var json = JSONText()
        json.object { json in
            json.string("version", version)
            json.string("now", now.rfc3339)
            json.string("since", startedAt.rfc3339)
            json.bool("ready", readiness.isReady)
            json.array("checks") { list in
                for check in readiness.checks { list.object { check.write(to: &$0) } }
            }
            json.bool("degraded", readiness.state == .degraded)
            json.array("findings") { list in
                for finding in readiness.findings { list.object { finding.write(to: &$0) } }
            }
            json.object("configuration") { configuration(&$0) }
            json.array("routes") { list in for route in routes { list.object { self.route(route, &$0) } } }
            json.object("store") { store(&$0) }
            json.array("tokens") { tokens(&$0) }
            if !instance.renewals.isEmpty { json.array("renewals") { renewals(&$0) } }
            if !instance.pins.isEmpty { json.array("pins") { pins(&$0) } }
            if let denials = instance.denials { json.object("denials") { self.denials(denials, &$0) } }
            if let fleet = instance.fleet { json.object("fleet") { self.fleet(fleet, &$0) } }
            json.object("keys") { keys(&$0) }
            if let identities = instance.identities { json.object("identities") { self.identities(identities, &$0) } }
            json.object("audit") { audit(&$0) }
            if let telemetry = instance.telemetry { json.object("telemetry") { self.telemetry(telemetry, &$0) } }
            json.object("open") { open in
                open.number("connections", openConnections)
                open.number("requests", openExchanges)
            }
            if let credentials {
                json.array("bearers") { list in
                    for credential in credentials {
                        list.object { entry in
                            entry.string("name", credential.name)
                            entry.string("expires_at", credential.expiresAt.rfc3339)
                        }
                    }
                }
            }
        }
        return json
    }

    private func configuration(_ json: inout JSONText) {
        json.string("state", reload.holding != nil ? "held" : reload.succeeded ? "in_force" : "refused")
        json.string("loaded_at", reload.loadedAt.rfc3339)
        json.time("last_attempt_at", reload.lastAttempt)
        if let holding = reload.holding { json.string("held_because", holding) }
        json.array("problems") { list in for problem in reload.problems { list.string(nil, problem) } }
        json.array("waits_for_restart") { list in for section in reload.waiting { list.string(nil, section) } }
        guard let file else { return }
        json.string("file", file.path)
        json.string("sha256_in_force", file.inForce)
        if let onDisk = file.onDisk { json.string("sha256_on_disk", onDisk) }
        json.bool("differs_on_disk", file.onDisk != file.inForce)
        json.bool("replaced_outside", file.isReplacedOutside)
    }

    private func route(_ route: Route, _ json: inout JSONText) {
        let health = traffic.health[route.name] ?? RouteHealth()
        json.string("name", route.name.text)
        json.string("host", "\(route.host)")
        json.string("path", route.path.text)
        json.string("upstream", route.upstream.authority)
        json.object("guard") { route.writeGuard(to: &$0) }
        if let isGood = health.isGood { json.bool("healthy", isGood) }
        json.time("last_success_at", health.lastAnswer)
        if let failure = health.lastFailure {
            json.time("last_failure_at", failure.at)
            json.string("last_failure_reason", failure.reason.rawValue)
        }
        json.array("missing_tokens") { list in for name in missingTokens(of: route) { list.string(nil, name) } }
        json.number(
            "requests_last_hour",
            (traffic.hours[route.name] ?? LastHour()).ending(at: minute).reduce(0) { $0 + $1.requests }
        )
    }

    private func store(_ json: inout JSONText) {
        json.string("name", storeName)
        json.string("kind", storeKind)
        json.time("read_at", store.lastSuccess)
        json.number("stale", store.stale)
        if let problem = tokensProblem ?? store.error?.message { json.string("problem", problem) }
    }

    private func tokens(_ list: inout JSONText) {
        for token in tokens {
            list.object { entry in
                entry.string("name", token.name.text)
                entry.number("version", token.version)
                entry.time("created_at", token.createdAt)
                entry.time("expires_at", token.expiresAt)
                if let fingerprint = token.fingerprint { entry.string("fingerprint", fingerprint.text) }
                if let problem = token.problem { entry.string("problem", problem.message) }
                entry.bool("missing", false)
            }
        }
        for name in missingTokens {
            list.object { entry in
                entry.string("name", name)
                entry.bool("missing", true)
            }
        }
    }

    private func renewals(_ list: inout JSONText) {
        for (name, state) in instance.renewals.sorted(by: { $0.key < $1.key }) {
            list.object { entry in
                entry.string("name", name.text)
                state.write(to: &entry)
            }
        }
    }

    private func pins(_ list: inout JSONText) {
        for (route, status) in instance.pins.sorted(by: { $0.key < $1.key }) {
            list.object { entry in
                entry.string("route", route.text)
                entry.string("tools", status.mode.rawValue)
                entry.number("approved", status.approved)
                entry.number("rejected", status.rejected)
                entry.array("waiting") { list in
                    for waiting in status.waiting {
                        list.object { tool in
                            tool.string("tool", waiting.tool.description)
                            tool.string("state", waiting.state.rawValue)
                        }
                    }
                }
                entry.time("listed_at", status.listedAt)
                if let problem = status.problem ?? status.listProblem { entry.string("problem", problem) }
            }
        }
    }

    private func denials(_ denials: DenyStatus, _ json: inout JSONText) {
        json.string("store", denials.store)
        json.bool("known", denials.entries != nil)
        json.time("read_at", denials.readAt)
        json.array("entries") { list in
            for entry in denials.entries ?? [] { list.object { entry.write(to: &$0) } }
        }
        if let problem = denials.problem { json.string("problem", problem) }
    }

    private func fleet(_ fleet: FleetStatus, _ json: inout JSONText) {
        json.string("store", fleet.store)
        json.array("instances") { list in
            for instance in fleet.instances {
                list.object { entry in
                    entry.string("name", instance.card.name)
                    entry.string("id", instance.card.id)
                    entry.string("version", instance.card.version)
                    entry.string("since", instance.card.since.rfc3339)
                    entry.number("seen_seconds_ago", instance.age.microseconds / 1_000_000)
                    entry.bool("gone", fleet.isGone(instance))
                    entry.bool("self", instance.card.id == fleet.own)
                    entry.string("configuration", instance.card.configuration)
                    entry.bool("same_configuration", !fleet.differs(instance))
                }
            }
        }
        json.number("strange_rows", fleet.strangers)
        if let age = fleet.ratesAge { json.number("rates_exchanged_seconds_ago", age.microseconds / 1_000_000) }
        if let problem = fleet.problem { json.string("problem", problem) }
    }

    private func keys(_ json: inout JSONText) {
        json.bool("ready", keys.isReady(now: now.seconds))
        json.array("ids") { list in for id in keys.keyIDs { list.string(nil, id) } }
        json.time("fetched_at", keys.fetchedAt.map { Timestamp(seconds: $0) })
        json.time("serve_until", keys.servesUntil.map { Timestamp(seconds: $0) })
        guard let failure = keys.lastFailure else { return }
        json.time("last_failure_at", Timestamp(seconds: failure.at))
        json.string("last_failure", failure.message)
    }

    private func identities(_ state: IdentityState, _ json: inout JSONText) {
        json.string("url", state.settings.url.text)
        json.number("kept", state.status.kept)
        json.number("fetched", state.status.fetched)
        json.number("failed", state.status.failed)
        json.number("refused", state.status.refused)
        json.number("overloaded", state.status.overloaded)
        json.time("last_answer_at", state.status.lastSuccess.map { Timestamp(seconds: $0) })
        guard let failure = state.status.lastFailure else { return }
        json.time("last_failure_at", Timestamp(seconds: failure.at))
        json.string("last_failure", "\(failure.failure)")
    }

    private func telemetry(_ status: TelemetryStatus, _ json: inout JSONText) {
        json.string("url", status.url)
        json.number("sent", status.sent)
        json.number("waiting", status.waiting)
        json.number("dropped", status.dropped)
        json.number("refused", status.refused)
        json.time("last_taken_at", status.lastTaken)
        if let problem = status.problem { json.string("problem", problem) }
    }

    private func audit(_ json: inout JSONText) {
        json.string("state", audit.word.rawValue)
        json.number("recorded", audit.recorded)
        json.number("lost", audit.lostDecisions + audit.lostOutcomes)
        json.number("spool_events", audit.depthEvents)
        json.number("spool_bytes", audit.depthBytes)
        json.number("lag_seconds", audit.lag.microseconds / 1_000_000)
        if let trouble = audit.writerTrouble ?? audit.sinkTrouble { json.string("trouble", "\(trouble)") }
    }
}

extension Route {
    /// Writes the members of its guard into an open object.
    package func writeGuard(to json: inout JSONText) {
        json.string("reflection", reflection.rawValue)
        json.string("websockets", takesWebSockets ? "pass" : "refuse")
    }
}

extension JSONText {
    fileprivate mutating func time(_ name: String, _ time: Timestamp?) {
        if let time { string(name, time.rfc3339) }
    }
}
