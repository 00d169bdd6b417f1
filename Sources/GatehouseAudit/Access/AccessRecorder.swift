package import GatehouseCore

/// Writes a line of JSON for each message of a request when the request ends, with the columns of the audit, and hands every event on to the
/// recorder behind it: the access log, `log: { requests: all }`. Used on one event loop only, as that recorder is.
///
/// The lines have no part in the audit: no chain covers them, and a log that is not read in time loses some. They say nothing of arguments.
package final class AccessRecorder: AuditRecorder {
    private let recorder: any AuditRecorder
    private let write: (_ line: JSONText) -> Void
    private let callers = CallerFields()
    private var random = FastRandom()
    private let room = UnsafeMutableRawBufferPointer.allocate(
        byteCount: EventEncoder.plainLength + 8,
        alignment: 8
    )
    /// Decisions whose outcome is still to come: as many as there are messages of open requests.
    private var decided: [RequestID: [AuditEvent]] = [:]

    /// - Parameter write: takes each line, without its end. Must not block.
    package init(before recorder: any AuditRecorder, write: @escaping (_ line: JSONText) -> Void) {
        self.recorder = recorder
        self.write = write
    }

    deinit { room.deallocate() }

    package func record(_ facts: borrowing AuditFacts) -> AuditReceipt {
        let event = event(facts)
        let receipt = recorder.record(facts)
        guard let event else { return receipt }
        if event.kind == .decision {
            // No outcome follows one that was only counted.
            if case .counted = receipt { tell(event, nil) } else { decided[event.requestID, default: []].append(event) }
        } else {
            for decision in decided.removeValue(forKey: event.requestID) ?? [] { tell(decision, event) }
        }
        return receipt
    }

    package func whenDurable(_ ticket: UInt64, _ callback: @escaping (Bool) -> Void) {
        recorder.whenDurable(ticket, callback)
    }

    private func event(_ facts: borrowing AuditFacts) -> AuditEvent? {
        guard let start = room.baseAddress else { return nil }
        let id = EventID(at: facts.at, using: &random)
        let length = EventEncoder.encode(facts, id: id, callers: callers, to: start)
        return EventDecoder.event(UnsafeRawBufferPointer(rebasing: room[..<length]))
    }

    /// Columns that only the audit gives a meaning.
    private static let left: Set<AuditColumn> = [.eventID, .kind, .writer, .sequence, .previousHash, .hash]

    private func tell(_ decision: AuditEvent, _ outcome: AuditEvent?) {
        var json = JSONText()
        json.object { line in
            for column in AuditColumn.allCases where !Self.left.contains(column) {
                // The end knows better why: an allowed request may fail behind Gatehouse.
                let own = decision[column]
                let theirs = outcome?[column] ?? .none
                let value = column == .reason || own == .none ? (theirs == .none ? own : theirs) : own
                switch value {
                case .text(let text): line.string(column.name, text)
                case .integer(let number): line.number(column.name, number)
                case .time(let time): line.string(column.name, time.rfc3339)
                case .none, .hash, .sealed: break
                }
            }
        }
        write(json)
    }
}
