internal import SQLiteClient

/// A row of the table, believed only once its seal is verified.
struct SealedBearer {
    let record: BearerRecord
    let seal: [UInt8]
}

extension SQLiteConnection {
    /// Script n brings version n - 1 to n. Times are microseconds since 1970.
    static let bearerSchema = [
        """
        CREATE TABLE bearers (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            digest BLOB NOT NULL,
            routes TEXT NOT NULL,
            issued_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            issued_by TEXT NOT NULL,
            note TEXT NOT NULL,
            revoked_at INTEGER,
            revoked_by TEXT NOT NULL,
            seal BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;
        """
    ]

    /// A column as it is read: what no seal vouches for, a tab or no bytes, when it is longer than Gatehouse writes.
    private static func bounded(_ column: String, _ limit: Int, _ nothing: String = "'\t'") -> String {
        "CASE WHEN length(\(column)) <= \(limit) THEN \(column) ELSE \(nothing) END"
    }

    /// Rows that are read: those that ``BearerStore`` keeps, and as many again that someone else may have put there.
    private static let bearersRead = 2 * (BearerStore.keptEnded + BearerStore.maximumLive)

    /// The newest first.
    func bearers() throws(SQLiteError) -> [SealedBearer] {
        let statement = try prepare(
            """
            SELECT \(Self.bounded("id", 64)), \(Self.bounded("name", 64)), \(Self.bounded("digest", 32, "x''")),
                \(Self.bounded("routes", BearerRecord.maximumRoutes)), issued_at, expires_at, \(Self.bounded("issued_by", 256)),
                \(Self.bounded("note", 256)), revoked_at, \(Self.bounded("revoked_by", 256)), \(Self.bounded("seal", 64, "x''"))
            FROM bearers ORDER BY issued_at DESC, id LIMIT \(Self.bearersRead)
            """
        )
        var rows: [SealedBearer] = []
        while try statement.step() {
            let record = BearerRecord(
                id: try statement.text(0),
                name: try statement.text(1),
                digest: try statement.blob(2),
                routes: try statement.text(3),
                issuedAt: try statement.integer(4),
                expiresAt: try statement.integer(5),
                issuedBy: try statement.text(6),
                note: try statement.text(7),
                revokedAt: statement.isNull(8) ? nil : try statement.integer(8),
                revokedBy: try statement.text(9)
            )
            rows.append(SealedBearer(record: record, seal: try statement.blob(10)))
        }
        return rows
    }

    /// Writes it, in place of one with its id.
    func replace(_ record: BearerRecord, seal: [UInt8]) throws(SQLiteError) {
        try run(
            "REPLACE INTO bearers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            .text(record.id),
            .text(record.name),
            .blob(record.digest),
            .text(record.routes),
            .integer(record.issuedAt),
            .integer(record.expiresAt),
            .text(record.issuedBy),
            .text(record.note),
            record.revokedAt.map { .integer($0) } ?? .null,
            .text(record.revokedBy),
            .blob(seal)
        )
    }

    func delete(bearer id: String) throws(SQLiteError) {
        try run("DELETE FROM bearers WHERE id = ?", .text(id))
    }
}
