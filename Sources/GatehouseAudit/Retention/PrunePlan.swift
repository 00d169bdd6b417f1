package import GatehouseCore

/// The events that a prune would delete, as the verification of the audit has seen them, and the objections to it.
package struct PrunePlan: Sendable {
    /// How far this machine's clock may be from the database's.
    package static let clockTolerance: Duration = .seconds(300)

    package let report: AuditReport
    package let cutoff: Timestamp

    /// - Parameter report: of a verification that was asked for the events prunable before `cutoff`.
    package init(_ report: AuditReport, before cutoff: Timestamp) {
        self.report = report
        self.cutoff = cutoff
    }

    package var chains: [PrunableChain] { report.chains.compactMap(\.prunable) }

    /// Events that would go, without those that an earlier prune has left.
    package var going: Int { chains.reduce(0) { $0 + $1.count } }

    /// Events that there are, likewise.
    package var stored: Int { report.chains.reduce(0) { $0 + $1.events } }

    package enum Objection: Sendable, Hashable, CustomStringConvertible {
        /// Deleting would take the traces with it.
        case broken(writer: String?)
        /// A clock that is days ahead for a moment makes everything old.
        case clock(apart: Duration)
        /// The same, where the server of the signing keys says what time it is.
        case certsClock(apart: Duration)
        case most(going: Int, of: Int)

        package var description: String {
            switch self {
            case .broken(let writer?): "the chain of \(writer.visible) is broken"
            case .broken(nil): "the database is not as Gatehouse made it"
            case .clock(let apart):
                "the clocks of this machine and of the database are \(apart.components.seconds) s apart"
            case .certsClock(let apart):
                "the clocks of this machine and of the certs server are \(apart.components.seconds) s apart"
            case .most(let going, let stored):
                "\(going) of \(stored) events would go, which is most of them: the clock may be wrong"
            }
        }
    }

    /// The objection to deleting unless a person confirms it; nil when there is none.
    ///
    /// - Parameters:
    ///   - isMeant: a person has named the time before which events go.
    ///   - certsLead: how far this machine's clock is ahead of the certs server's; nil when that was not heard.
    ///   - databaseClock: nil where the database has none of its own: then a prune of most events may be a clock that is ahead.
    package func objection(
        at now: Timestamp,
        databaseClock: Timestamp?,
        certsLead: Duration? = nil,
        isMeant: Bool = false
    ) -> Objection? {
        guard !chains.isEmpty else { return nil }
        guard report.holds else { return .broken(writer: report.chains.first { !$0.holds }?.writer) }
        if isMeant { return nil }
        if let apart = certsLead.map({ max($0, .zero - $0) }), apart > Self.clockTolerance {
            return .certsClock(apart: apart)
        }
        guard let databaseClock else { return going * 2 > stored ? .most(going: going, of: stored) : nil }
        let apart = now > databaseClock ? now - databaseClock : databaseClock - now
        return apart > Self.clockTolerance ? .clock(apart: apart) : nil
    }
}
