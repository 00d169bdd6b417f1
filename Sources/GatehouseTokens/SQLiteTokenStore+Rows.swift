internal import GatehouseCore
internal import SQLiteClient

/// Rows as they stand in the tables, read and written without judging them.
extension SQLiteConnection {
    func head(of name: String) throws(SQLiteError) -> (head: TokenHead, seal: [UInt8])? {
        let statement = try prepare(
            "SELECT current, latest, revision, changed_at, seal FROM token_heads WHERE name = ?"
        )
        try statement.bind([.text(name)])
        guard try statement.step() else { return nil }
        let head = TokenHead(
            name: name,
            current: try statement.integer(0),
            latest: try statement.integer(1),
            revision: try statement.integer(2),
            changedAt: try statement.integer(3)
        )
        return (head, try statement.blob(4))
    }

    func version(_ version: Int64, of name: String) throws(SQLiteError) -> (row: SealedRow, sealed: [UInt8])? {
        let statement = try prepare(
            "SELECT predecessor, created_at, expires_at, actor, note, sealed FROM token_versions WHERE name = ? AND version = ?"
        )
        try statement.bind([.text(name), .integer(version)])
        guard try statement.step() else { return nil }
        let row = SealedRow(
            name: name,
            version: version,
            predecessor: statement.isNull(0) ? nil : try statement.integer(0),
            createdAt: try statement.integer(1),
            expiresAt: statement.isNull(2) ? nil : try statement.integer(2),
            actor: try statement.text(3),
            note: try statement.text(4)
        )
        return (row, try statement.blob(5))
    }

    /// The newest changes first.
    func events(of name: String, limit: Int) throws(SQLiteError) -> [(event: EventRecord, seal: [UInt8])] {
        let statement = try prepare(
            """
            SELECT revision, action, version, at, actor, note, seal FROM token_events WHERE name = ?
            ORDER BY revision DESC LIMIT ?
            """
        )
        try statement.bind([.text(name), .integer(Int64(limit))])
        var events: [(event: EventRecord, seal: [UInt8])] = []
        while try statement.step() {
            let event = EventRecord(
                name: name,
                revision: try statement.integer(0),
                action: try statement.text(1),
                version: try statement.integer(2),
                at: try statement.integer(3),
                actor: try statement.text(4),
                note: try statement.text(5)
            )
            events.append((event, try statement.blob(6)))
        }
        return events
    }

    /// Every name that any of the tables knows, in order.
    func tokenNames() throws(SQLiteError) -> [String] {
        let statement = try prepare(
            """
            SELECT name FROM token_heads UNION SELECT name FROM token_versions UNION SELECT name FROM token_events ORDER BY name
            """
        )
        var names: [String] = []
        while try statement.step() { names.append(try statement.text(0)) }
        return names
    }

    func latestVersion(of name: String) throws(SQLiteError) -> Int64 {
        try number("SELECT coalesce(max(version), 0) FROM token_versions WHERE name = ?", [.text(name)])
    }

    func number(_ sql: String, _ values: [SQLiteValue] = []) throws(SQLiteError) -> Int64 {
        let statement = try prepare(sql)
        try statement.bind(values)
        guard try statement.step() else { return 0 }
        return try statement.integer(0)
    }

    func insert(_ row: SealedRow, sealed: [UInt8]) throws(SQLiteError) {
        try run(
            "INSERT INTO token_versions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            .text(row.name),
            .integer(row.version),
            row.predecessor.map { .integer($0) } ?? .null,
            .integer(row.createdAt),
            row.expiresAt.map { .integer($0) } ?? .null,
            .text(row.actor),
            .text(row.note),
            .blob(sealed)
        )
    }

    func insert(_ event: EventRecord, seal: [UInt8]) throws(SQLiteError) {
        try run(
            "INSERT INTO token_events VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            .text(event.name),
            .integer(event.revision),
            .text(event.action),
            .integer(event.version),
            .integer(event.at),
            .text(event.actor),
            .text(event.note),
            .blob(seal)
        )
    }

    func replace(_ head: TokenHead, seal: [UInt8]) throws(SQLiteError) {
        try run(
            "INSERT OR REPLACE INTO token_heads VALUES (?, ?, ?, ?, ?, ?)",
            .text(head.name),
            .integer(head.current),
            .integer(head.latest),
            .integer(head.revision),
            .integer(head.changedAt),
            .blob(seal)
        )
    }

    // MARK: - Compare and swap: 0 rows are changed when the bytes are no longer the old ones.

    func exchange(_ old: [UInt8], for new: [UInt8], in row: SealedRow) throws(SQLiteError) -> Int {
        try run(
            "UPDATE token_versions SET sealed = ? WHERE name = ? AND version = ? AND sealed = ?",
            .blob(new),
            .text(row.name),
            .integer(row.version),
            .blob(old)
        )
    }

    func exchange(_ old: [UInt8], for new: [UInt8], in head: TokenHead) throws(SQLiteError) -> Int {
        try run("UPDATE token_heads SET seal = ? WHERE name = ? AND seal = ?", .blob(new), .text(head.name), .blob(old))
    }

    func exchange(_ old: [UInt8], for new: [UInt8], in event: EventRecord) throws(SQLiteError) -> Int {
        try run(
            "UPDATE token_events SET seal = ? WHERE name = ? AND revision = ? AND seal = ?",
            .blob(new),
            .text(event.name),
            .integer(event.revision),
            .blob(old)
        )
    }
}
