package import GatehouseCore

/// The kind of an event. The raw value is the byte in a stored event.
package enum EventKind: UInt8, Sendable, CaseIterable {
    case decision = 1
    case outcome = 2
    /// See ``AuditChange``.
    case change = 3

    package var name: String {
        switch self {
        case .decision: "decision"
        case .outcome: "outcome"
        case .change: "change"
        }
    }

    package init?(name: String) {
        guard let kind = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = kind
    }
}

/// The value of one column.
package enum AuditValue: Hashable, Sendable {
    case none
    case text(String)
    case integer(Int64)
    case time(Timestamp)
    case hash([UInt8])
    case sealed([UInt8])
}

/// One audit event, with its place in the writer's sequence once it has one.
package struct AuditEvent: Hashable, Sendable {
    package var id: EventID
    package var requestID: RequestID
    package var kind: EventKind
    package var at: Timestamp
    /// Empty until the event is in a segment.
    package var writer = ""
    /// The event's number in its chain, from 1; 0 until the event is in a segment.
    package var sequence: Int64 = 0
    package var previousHash: [UInt8] = []
    package var hash: [UInt8] = []
    /// The tagged columns, from ``AuditColumn/firstField`` on.
    private var fields = [AuditValue](repeating: .none, count: AuditColumn.count - AuditColumn.firstField.index)

    package init(id: EventID, requestID: RequestID, kind: EventKind, at: Timestamp) {
        self.id = id
        self.requestID = requestID
        self.kind = kind
        self.at = at
    }

    package subscript(column: AuditColumn) -> AuditValue {
        switch column {
        case .eventID: .text(id.description)
        case .requestID: .text(requestID.description)
        case .kind: .text(kind.name)
        case .at: .time(at)
        case .writer: writer.isEmpty ? .none : .text(writer)
        case .sequence: sequence == 0 ? .none : .integer(sequence)
        case .previousHash: previousHash.isEmpty ? .none : .hash(previousHash)
        case .hash: hash.isEmpty ? .none : .hash(hash)
        case _: fields[column.index - AuditColumn.firstField.index]
        }
    }

    /// - Precondition: `column` is a tagged one.
    mutating func set(_ column: AuditColumn, _ value: AuditValue) {
        fields[column.index - AuditColumn.firstField.index] = value
    }

    /// The text of a column, empty when there is none.
    package func text(_ column: AuditColumn) -> String {
        if case .text(let text) = self[column] { text } else { "" }
    }

    package func integer(_ column: AuditColumn) -> Int64? {
        if case .integer(let number) = self[column] { number } else { nil }
    }

    package var route: String { text(.route) }
    package var principalKind: Principal.Kind? { Principal.Kind(rawValue: text(.principalKind)) }
    package var principal: String { text(.principal) }
    package var isAllowed: Bool? { text(.decision).isEmpty ? nil : text(.decision) == "allow" }
    package var reason: Reason? { Reason(rawValue: text(.reason)) }
    package var target: String { text(.target) }
    package var status: Int64? { integer(.status) }
    /// The number of requests that it stands for: one event may stand for several without an established caller.
    package var requests: Int { integer(.requests).map { max(1, Int(clamping: $0)) } ?? 1 }
    package var ending: Ending? { Ending(rawValue: text(.ended)) }
}
