package import GatehouseCore

/// Counts the requests of one event loop that were refused or failed, for the log, which is written once a second. A flood of either costs the log
/// as many lines as there are places here, and the loop a look into a small table.
package struct RefusalTally: Sendable {
    /// Places for refusals of callers, and as many for failures, so that neither hides the other. Events that find no place are counted only.
    package static let places = 32

    /// The caller or the failure that the line is about.
    package enum Subject: Hashable, Sendable {
        case caller(Principal)
        /// The address of a caller who was not established.
        case address(String)
        /// The upstream's failure, or the reason why it was not reached.
        case failure(String)
    }

    package struct Line: Sendable {
        package let reason: Reason
        package let route: Route?
        package let subject: Subject
        /// The last one, to be looked up in the audit.
        package var lastID: RequestID
        package var count = 0

        /// Whether what failed was not the caller's doing.
        package var isFailure: Bool { RefusalTally.isFailure(reason) }
    }

    private struct Place: Hashable {
        let reason: Reason
        let route: ObjectIdentifier?
        let subject: Int
    }

    private var lines: [Place: Line] = [:]
    private var failures = 0
    /// The lines that found no place, by whether they are failures.
    package private(set) var beyond = (refusals: 0, failures: 0)

    package init() {}

    package var isEmpty: Bool { lines.isEmpty && beyond == (0, 0) }
    package var all: [Line] { Array(lines.values) }

    /// A caller chooses what to ask for, and so whether the answer is an event stream.
    static func isFailure(_ reason: Reason) -> Bool {
        if case .upstreamNotMCP = reason { false } else { reason.status >= 500 }
    }

    /// - Parameter address: of the client, for one who was not established.
    mutating func count(_ reason: Reason, _ exchange: Exchange, address: UnsafeRawBufferPointer) {
        let isFailure = Self.isFailure(reason)
        var hasher = Hasher()
        let detail = isFailure ? exchange.failureDetail : ""
        if isFailure {
            hasher.combine(detail)
        } else if let caller = exchange.caller {
            hasher.combine(caller.principal.identity)
        } else {
            hasher.combine(bytes: address)
        }
        let route = exchange.route?.route
        let place = Place(reason: reason, route: route.map { ObjectIdentifier($0) }, subject: hasher.finalize())
        if lines[place] == nil {
            guard isFailure ? failures < Self.places : lines.count - failures < Self.places else {
                if isFailure { beyond.failures += 1 } else { beyond.refusals += 1 }
                return
            }
            let subject: Subject =
                if isFailure {
                    .failure(detail)
                } else if let caller = exchange.caller {
                    .caller(caller.principal)
                } else {
                    .address(String(decoding: address, as: UTF8.self))
                }
            if isFailure { failures += 1 }
            lines[place] = Line(reason: reason, route: route, subject: subject, lastID: exchange.id)
        }
        lines[place]?.count += 1
        lines[place]?.lastID = exchange.id
    }

    /// All so far; what comes from now on is counted anew.
    package mutating func taken() -> RefusalTally {
        let taken = self
        if !isEmpty { self = RefusalTally() }
        return taken
    }
}
