internal import GatehouseCore

/// A row of `audit_events` with all its columns in order, in whatever database; `at` in microseconds.
protocol EventRow {
    associatedtype Failure: Error
    func isNull(_ column: Int) throws(Failure) -> Bool
    func integer(_ column: Int) throws(Failure) -> Int64
    func text(_ column: Int) throws(Failure) -> String
    func bytes(_ column: Int) throws(Failure) -> [UInt8]
    /// The bytes of a text or blob as they are stored.
    func withBytes(_ column: Int, _ body: (UnsafeRawBufferPointer) -> Void) throws(Failure)
}

extension EventRow {
    /// Ids are those that were stored only as they were spelled then: the chain covers their value alone, and a row under another spelling is
    /// not found by its id.
    private func head() throws(Failure) -> AuditEvent? {
        let (idText, requestText) = (try text(AuditColumn.eventID.index), try text(AuditColumn.requestID.index))
        guard let id = EventID(parsing: idText), id.description == idText,
            let requestID = RequestID(parsing: requestText), requestID.description == requestText,
            let kind = EventKind(name: try text(AuditColumn.kind.index))
        else { return nil }
        let at = Timestamp(microseconds: try integer(AuditColumn.at.index))
        return AuditEvent(id: id, requestID: requestID, kind: kind, at: at)
    }

    private func hash(_ column: AuditColumn) throws(Failure) -> [UInt8] {
        try isNull(column.index) ? [] : try bytes(column.index)
    }

    /// Nil for a row that somebody changed so that it is no event any more, which is for `audit verify` to name.
    func event() throws(Failure) -> AuditEvent? {
        guard var event = try head() else { return nil }
        event.writer = try text(AuditColumn.writer.index)
        event.sequence = try integer(AuditColumn.sequence.index)
        event.hash = try hash(.hash)
        event.previousHash = try hash(.previousHash)
        for column in AuditColumn.allCases[AuditColumn.firstField.index...] where try !isNull(column.index) {
            switch column.shape {
            case .text: event.set(column, .text(try text(column.index)))
            case .integer: event.set(column, .integer(try integer(column.index)))
            case .sealed: event.set(column, .sealed(try bytes(column.index)))
            case .time, .hash: break
            }
        }
        return event
    }

    /// The row with the canonical form of its event, made of its bytes: no text becomes a String on the way.
    ///
    /// - Parameter room: of ``EventEncoder/maximumLength`` bytes and 8 more.
    func chainRow(in room: UnsafeMutableRawBufferPointer) throws(Failure) -> ChainRow {
        let sequence = try integer(AuditColumn.sequence.index)
        guard let start = room.baseAddress, let head = try head() else {
            return ChainRow(sequence: sequence, record: nil)
        }
        var fields = EventEncoder.begin(head.id, head.requestID, head.kind, head.at, at: start)
        var isWhole = true
        for column in AuditColumn.allCases[AuditColumn.firstField.index...] where try !isNull(column.index) {
            switch column.shape {
            case .text, .sealed: try withBytes(column.index) { isWhole = fields.stored(column, $0) && isWhole }
            case .integer: fields.integer(column, try integer(column.index))
            case .time, .hash: break
            }
        }
        guard isWhole else { return ChainRow(sequence: sequence, record: nil) }
        let event = Array(UnsafeRawBufferPointer(rebasing: room[..<(fields.place - start)]))
        let record = SpoolRecord(
            sequence: sequence,
            hash: try hash(.hash),
            previousHash: try hash(.previousHash),
            event: event
        )
        return ChainRow(sequence: sequence, record: record)
    }
}

/// Memory for one event, reused for a whole scan.
final class EventRoom {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: EventEncoder.maximumLength + 8, alignment: 8)
    deinit { bytes.deallocate() }
}
