internal import GatehouseCore
internal import GatehouseProxy
internal import Logging

/// The log lines for the requests that the event loops have counted in one second: one for each reason, route and caller, or cause. Bounded as one
/// loop's tally is, however many loops there are.
struct RequestLines {
    private struct Place: Hashable {
        let reason: Reason
        let route: RouteName?
        let subject: RefusalTally.Subject
    }

    private var lines: [Place: RefusalTally.Line] = [:]
    private var beyond = (refusals: 0, failures: 0)

    init(_ tallies: [RefusalTally]) {
        for tally in tallies {
            beyond.refusals += tally.beyond.refusals
            beyond.failures += tally.beyond.failures
            for line in tally.all {
                let place = Place(reason: line.reason, route: line.route?.name, subject: line.subject)
                if lines[place] != nil {
                    lines[place]?.count += line.count
                } else if lines.values.count(where: { $0.isFailure == line.isFailure }) < RefusalTally.places {
                    lines[place] = line
                } else if line.isFailure {
                    beyond.failures += line.count
                } else {
                    beyond.refusals += line.count
                }
            }
        }
    }

    /// Most requests first.
    func write(to logger: Logger) {
        for line in lines.values.sorted(by: { $0.count > $1.count }) {
            var metadata: Logger.Metadata = [
                "reason": "\(line.reason.rawValue)", "requests": "\(line.count)", "request.id": "\(line.lastID)",
            ]
            if let route = line.route { metadata["route"] = "\(route.name)" }
            switch line.subject {
            case .caller(let principal): metadata["principal"] = "\(principal.name)"
            case .address(let address): metadata["client.ip"] = "\(address)"
            case .failure(let error):
                if let route = line.route, line.reason.followsAllow { metadata["upstream"] = "\(route.upstream.place)" }
                if !error.isEmpty { metadata["error"] = "\(error)" }
            }
            logger.log(
                level: line.isFailure ? .warning : .info,
                line.isFailure ? "requests failed" : "requests refused",
                metadata: metadata
            )
        }
        if beyond.failures > 0 {
            logger.warning("more requests failed than are told apart", metadata: ["requests": "\(beyond.failures)"])
        }
        if beyond.refusals > 0 {
            logger.info("more requests refused than are told apart", metadata: ["requests": "\(beyond.refusals)"])
        }
    }
}
