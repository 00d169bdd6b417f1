internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer

extension Explain {
    /// Lines of each direction; `--json` has all.
    private static let shown = 50

    func judge(since: String) async throws {
        var query = AuditQuery()
        query.from = try Audit.Filter.time(since)
        query.kind = .request
        query.route = route
        // A route of which a part is left out would look like one that lets in fewer.
        let configuration = try file.load(needing: [.audit], whole: [.access, .routes])
        let archive = try AuditAssembly.archive(configuration.audit)
        var replay = PolicyReplay(configuration, denying: await Self.denials(configuration))
        try archive.messages(query) { event in
            replay.add(event)
            return true
        }
        if form.json { Terminal.print(json(replay)) } else { show(replay) }
        // The lines say why.
        if replay.hasDifferences { throw CommandFailure(.failed, lines: []) }
    }

    private func show(_ replay: PolicyReplay) {
        let judged = replay.messages - replay.omitted.values.reduce(0, +)
        for (isGain, title) in [(false, "would be denied now"), (true, "would be allowed now")] {
            let lines = Self.sorted(replay).filter { $0.difference.isGain == isGain }
            guard !lines.isEmpty else { continue }
            Terminal.print("\(title):")
            let rows = lines.prefix(Self.shown).map { difference, count in
                [
                    "\(count.messages)", difference.principal, difference.route, difference.method, difference.target,
                    difference.reason.rawValue, String(count.last.rfc3339.prefix(19)) + "Z",
                ]
            }
            TokenTable.show(
                [["MESSAGES", "PRINCIPAL", "ROUTE", "METHOD", "TARGET", isGain ? "WAS DENIED FOR" : "REASON", "LAST"]]
                    + rows
            )
            if lines.count > Self.shown { Terminal.print("and \(lines.count - Self.shown) more; --json has all") }
        }
        if replay.others > 0 { Terminal.print("\(replay.others) messages of further differences are not listed") }
        Terminal.print("\(judged) messages judged" + (replay.hasDifferences ? "" : ", each as it was"))
        for (omission, count) in replay.omitted.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            Terminal.print("\(count) not judged: \(omission.rawValue)")
        }
    }

    private func json(_ replay: PolicyReplay) -> JSONText {
        var json = JSONText()
        json.object { json in
            json.number("messages", replay.messages)
            json.array("differences") { list in
                for (difference, count) in Self.sorted(replay) {
                    list.object { entry in
                        entry.string("now", difference.isGain ? "allow" : "deny")
                        entry.string("reason", difference.reason.rawValue)
                        entry.string("route", difference.route)
                        entry.string("principal_kind", difference.principalKind)
                        entry.string("principal", difference.principal)
                        entry.string("method", difference.method)
                        entry.string("target", difference.target)
                        entry.number("messages", count.messages)
                        entry.string("last", count.last.rfc3339)
                    }
                }
            }
            json.number("not_listed", replay.others)
            json.array("not_judged") { list in
                for (omission, count) in replay.omitted.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                    list.object { entry in
                        entry.string("because", omission.rawValue)
                        entry.number("messages", count)
                    }
                }
            }
        }
        return json
    }

    /// The most frequent first.
    private static func sorted(
        _ replay: PolicyReplay
    ) -> [(difference: PolicyReplay.Difference, count: PolicyReplay.Count)] {
        replay.differences.map { ($0.key, $0.value) }.sorted { one, other in
            (other.1.messages, one.0.principal, one.0.route, one.0.target)
                < (one.1.messages, other.0.principal, other.0.route, other.0.target)
        }
    }
}
