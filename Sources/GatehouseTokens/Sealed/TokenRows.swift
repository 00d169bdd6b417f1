internal import GatehouseCore

/// Rows as they stand in the tables of any database, read and written without judging them.
struct TokenRows {
    let sql: any TokenSQL
    /// The view of the transaction in which these rows are read.
    let view = TokenView()

    init(sql: any TokenSQL) { self.sql = sql }

    // MARK: - Bounds

    /// Characters of a name, those of the store's own rows included. What is longer names no token.
    static let maximumName = GrantKey.maximumRowName

    /// Whether a row holds a grant, and no token of an operator.
    private static let isGrant = "substr(name, 1, \(GrantKey.rowPrefix.utf8.count)) = '\(GrantKey.rowPrefix)'"

    /// A column as it is read: null when it is longer than Gatehouse writes. Whoever can write to the database may put in hundreds of megabytes, which
    /// an answer would bring into the memory before a seal could refuse them.
    static func bounded(_ column: String, _ limit: Int) -> String {
        "CASE WHEN length(\(column)) <= \(limit) THEN \(column) END"
    }

    private static let action = bounded("action", 16)
    private static let actor = bounded("actor", TokenChange.maximumLength)
    private static let note = bounded("note", TokenChange.maximumLength)
    private static let seal = bounded("seal", Attestation.length)
    private static let sealed = bounded("sealed", SealedValue.maximumLength)

    func head(of name: String) throws(TokenError) -> (head: TokenHead, seal: [UInt8])? {
        try sql.read(
            "SELECT current, latest, revision, changed_at, \(Self.seal) FROM token_heads WHERE name = $1",
            [.text(name)]
        ) { row throws(TokenError) -> (head: TokenHead, seal: [UInt8]) in
            let head = TokenHead(
                name: name,
                current: try row.integer(0),
                latest: try row.integer(1),
                revision: try row.integer(2),
                changedAt: try row.integer(3)
            )
            return (head, try row.boundedBlob(4))
        }.first
    }

    func version(_ version: Int64, of name: String) throws(TokenError) -> (row: SealedRow, sealed: [UInt8])? {
        try sql.read(
            """
            SELECT predecessor, created_at, expires_at, \(Self.actor), \(Self.note), \(Self.sealed) FROM token_versions
            WHERE name = $1 AND version = $2
            """,
            [.text(name), .integer(version)]
        ) { row throws(TokenError) -> (row: SealedRow, sealed: [UInt8]) in
            let found = SealedRow(
                name: name,
                version: version,
                predecessor: try row.isNull(0) ? nil : try row.integer(0),
                createdAt: try row.integer(1),
                expiresAt: try row.isNull(2) ? nil : try row.integer(2),
                actor: try row.boundedText(3),
                note: try row.boundedText(4)
            )
            return (found, try row.boundedBlob(5))
        }.first
    }

    /// The newest changes first.
    func events(of name: String, limit: Int) throws(TokenError) -> [(event: EventRecord, seal: [UInt8])] {
        try sql.read(
            """
            SELECT revision, \(Self.action), version, at, \(Self.actor), \(Self.note), \(Self.seal) FROM token_events WHERE name = $1
            ORDER BY revision DESC LIMIT $2
            """,
            [.text(name), .integer(Int64(limit))]
        ) { row throws(TokenError) -> (event: EventRecord, seal: [UInt8]) in
            let event = EventRecord(
                name: name,
                revision: try row.integer(0),
                action: try row.boundedText(1),
                version: try row.integer(2),
                at: try row.integer(3),
                actor: try row.boundedText(4),
                note: try row.boundedText(5)
            )
            return (event, try row.boundedBlob(6))
        }
    }

    /// Every name that any of the tables knows.
    ///
    /// - Throws: ``TokenError`` `tampered` when they are more than ``SealedTokenStore/maximumNames``: Gatehouse
    ///   writes no more, so another writer has made more, and reading all of them could take for ever.
    func names() throws(TokenError) -> [String] {
        let limit = SealedTokenStore.maximumNames + 1
        let tables = ["token_heads", "token_versions", "token_events"]
        let parts = tables.map {
            """
            SELECT name FROM (
                SELECT DISTINCT name FROM \($0)
                WHERE length(name) <= \(Self.maximumName) AND NOT \(Self.isGrant) AND NOT \(BookKey.condition)
                ORDER BY name LIMIT \(limit)
            ) \($0)
            """
        }
        let names = try sql.read(parts.joined(separator: " UNION "), []) { row throws(TokenError) in try row.text(0) }
        guard names.count < limit else {
            throw TokenError(
                .tampered,
                "the store has rows of more than \(SealedTokenStore.maximumTokens) tokens, which Gatehouse never writes",
                hint:
                    "find out who wrote to the database, and delete what is not yours from token_heads, token_versions and token_events"
            )
        }
        return names.sorted()
    }

    /// The names of rows that hold pins: see ``BookKey``.
    ///
    /// - Throws: ``TokenError`` `tampered` when they are more than ``SealedTokenStore/maximumNames``.
    func pinNames() throws(TokenError) -> [String] {
        let limit = SealedTokenStore.maximumNames + 1
        let names = try sql.read(
            """
            SELECT name FROM token_heads
            WHERE \(BookKey.pinsCondition) AND length(name) <= \(Self.maximumName) ORDER BY name LIMIT \(limit)
            """,
            []
        ) { row throws(TokenError) in try row.text(0) }
        guard names.count < limit else {
            throw TokenError(
                .tampered,
                "the store has pins of more than \(SealedTokenStore.maximumNames) routes, which Gatehouse never writes",
                hint: "find out who wrote to the database, and delete what is not yours from token_heads"
            )
        }
        return names
    }

    /// The names of rows that hold grants, and the revisions that their heads say: see ``GrantKey``.
    ///
    /// - Throws: ``TokenError`` `tampered` when they are more than ``SealedTokenStore/maximumGrants``.
    func grantHeads() throws(TokenError) -> [(name: String, revision: Int64)] {
        let limit = SealedTokenStore.maximumGrants + 1
        let heads = try sql.read(
            """
            SELECT name, revision FROM token_heads
            WHERE \(Self.isGrant) AND length(name) <= \(Self.maximumName) ORDER BY name LIMIT \(limit)
            """,
            []
        ) { row throws(TokenError) in (name: try row.text(0), revision: try row.integer(1)) }
        guard heads.count < limit else {
            throw TokenError(
                .tampered,
                "the store has more than \(SealedTokenStore.maximumGrants) grants, which Gatehouse never writes",
                hint: "find out who wrote to the database, and delete what is not yours from token_heads"
            )
        }
        return heads
    }

    func latestVersion(of name: String) throws(TokenError) -> Int64 {
        try number("SELECT coalesce(max(version), 0) FROM token_versions WHERE name = $1", [.text(name)])
    }

    func latestRevision(of name: String) throws(TokenError) -> Int64 {
        try number("SELECT coalesce(max(revision), 0) FROM token_events WHERE name = $1", [.text(name)])
    }

    /// Tokens, deleted ones included.
    func count() throws(TokenError) -> Int64 {
        try number("SELECT count(*) FROM token_heads WHERE substr(name, 1, 1) <> '*'", [])
    }

    func isEmpty() throws(TokenError) -> Bool {
        let tables = ["token_heads", "token_versions", "token_events"]
        let parts = tables.map { "(SELECT count(*) FROM (SELECT 1 FROM \($0) LIMIT 1) \($0))" }
        return try number("SELECT \(parts.joined(separator: " + "))", []) == 0
    }

    func versions(of name: String, limit: Int) throws(TokenError) -> [Int64] {
        try sql.read(
            "SELECT version FROM token_versions WHERE name = $1 ORDER BY version LIMIT $2",
            [.text(name), .integer(Int64(limit))]
        ) { row throws(TokenError) in try row.integer(0) }
    }

    private func number(_ statement: String, _ values: [RowValue]) throws(TokenError) -> Int64 {
        try sql.read(statement, values) { row throws(TokenError) in try row.integer(0) }.first ?? 0
    }

    // MARK: - Writing

    func insert(_ row: SealedRow, sealed: [UInt8]) throws(TokenError) {
        try sql.run(
            "INSERT INTO token_versions VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            [
                .text(row.name), .integer(row.version), row.predecessor.map { .integer($0) } ?? .null,
                .integer(row.createdAt), row.expiresAt.map { .integer($0) } ?? .null, .text(row.actor),
                .text(row.note), .blob(sealed),
            ]
        )
    }

    func insert(_ event: EventRecord, seal: [UInt8]) throws(TokenError) {
        try sql.run(
            "INSERT INTO token_events VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            [
                .text(event.name), .integer(event.revision), .text(event.action), .integer(event.version),
                .integer(event.at), .text(event.actor), .text(event.note), .blob(seal),
            ]
        )
    }

    func replace(_ head: TokenHead, seal: [UInt8]) throws(TokenError) {
        try sql.run(
            """
            INSERT INTO token_heads VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO UPDATE
            SET current = excluded.current, latest = excluded.latest, revision = excluded.revision,
            changed_at = excluded.changed_at, seal = excluded.seal
            """,
            [
                .text(head.name), .integer(head.current), .integer(head.latest), .integer(head.revision),
                .integer(head.changedAt), .blob(seal),
            ]
        )
    }

    func removeVersions(of name: String, through version: Int64 = .max) throws(TokenError) {
        try sql.run(
            "DELETE FROM token_versions WHERE name = $1 AND version <= $2",
            [.text(name), .integer(version)]
        )
    }

    func removeEvents(of name: String, through revision: Int64 = .max) throws(TokenError) {
        try sql.run(
            "DELETE FROM token_events WHERE name = $1 AND revision <= $2",
            [.text(name), .integer(revision)]
        )
    }

    // MARK: - Re-wrapping

    /// The ids of master keys that rows of our formats name. Rows with another prefix are no rows of ours: they are reported one by one.
    func keyIDs() throws(TokenError) -> [MasterKey.ID] {
        try sql.read(
            """
            SELECT substr(sealed, 5, 8) FROM token_versions WHERE substr(sealed, 1, 4) IN ($1, $2)
            UNION SELECT substr(seal, 5, 8) FROM token_heads WHERE substr(seal, 1, 4) IN ($3, $4)
            UNION SELECT substr(seal, 5, 8) FROM token_events WHERE substr(seal, 1, 4) IN ($5, $6)
            """,
            [
                .blob(SealedValue.prefix), .blob(SealedValue.boundPrefix), .blob(TokenHead.prefix),
                .blob(TokenHead.boundPrefix), .blob(EventRecord.prefix), .blob(EventRecord.boundPrefix),
            ]
        ) { row throws(TokenError) in MasterKey.ID(bytes: try row.blob(0)) }
    }

    func versionKeys() throws(TokenError) -> [(name: String, version: Int64)] {
        try sql.read("SELECT name, version FROM token_versions ORDER BY name, version", []) { row throws(TokenError) in
            (try row.text(0), try row.integer(1))
        }
    }

    func headNames() throws(TokenError) -> [String] {
        try sql.read("SELECT name FROM token_heads ORDER BY name", []) { row throws(TokenError) in try row.text(0) }
    }

    // Compare and swap: 0 rows are changed when the bytes are no longer the old ones.

    func exchange(_ old: [UInt8], for new: [UInt8], in row: SealedRow) throws(TokenError) -> Int {
        try sql.run(
            "UPDATE token_versions SET sealed = $1 WHERE name = $2 AND version = $3 AND sealed = $4",
            [.blob(new), .text(row.name), .integer(row.version), .blob(old)]
        )
    }

    func exchange(_ old: [UInt8], for new: [UInt8], in head: TokenHead) throws(TokenError) -> Int {
        try sql.run(
            "UPDATE token_heads SET seal = $1 WHERE name = $2 AND seal = $3",
            [.blob(new), .text(head.name), .blob(old)]
        )
    }

    func exchange(_ old: [UInt8], for new: [UInt8], in event: EventRecord) throws(TokenError) -> Int {
        try sql.run(
            "UPDATE token_events SET seal = $1 WHERE name = $2 AND revision = $3 AND seal = $4",
            [.blob(new), .text(event.name), .integer(event.revision), .blob(old)]
        )
    }
}
