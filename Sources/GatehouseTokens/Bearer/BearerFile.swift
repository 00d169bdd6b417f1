internal import GatehouseCore
internal import Glibc
internal import SQLiteClient

/// The rows of credentials in a SQLite file, which they may share with tokens and audit rows, each sealed under the instance's keys. Confined to the
/// thread of the actor that owns it.
final class BearerFile {
    let path: String
    private var connection: SQLiteConnection?
    private var connectionsMade = 0

    /// Opens nothing yet.
    init(path: String) { self.path = path }

    /// The rows as they stand; none where there is no file.
    func rows() throws(TokenError) -> [SealedBearer] {
        guard let database = try existing() else { return [] }
        return try sql { () throws(SQLiteError) in try database.bearers() }
    }

    /// Reads the rows, and writes what a change makes of them, all as one transaction. Rows whose seal is not verified are no part of the book.
    ///
    /// - Parameters:
    ///   - creating: whether to make the file where there is none; without one nothing happens.
    ///   - isTrusted: whether a row counts.
    ///   - discarding: the rows that are deleted, of those that do not count.
    /// - Returns: nil where there is no file.
    func change<Result>(
        creating: Bool,
        under keys: PurposeKeys,
        isTrusted: (SealedBearer) -> Bool,
        discarding: (BearerRecord) -> Bool,
        _ body: (inout BearerBook) throws(TokenError) -> Result
    ) throws(TokenError) -> (result: Result, discarded: [BearerRecord])? {
        guard let database = creating ? try self.database(creating: true) : try existing() else { return nil }
        return try database.transaction({ TokenError($0, path: path) }) { () throws(TokenError) in
            let rows = try sql { () throws(SQLiteError) in try database.bearers() }
            let old = BearerBook(rows.filter(isTrusted).map(\.record))
            let discarded = rows.filter { !isTrusted($0) && discarding($0.record) }.map(\.record)
            var new = old
            let result = try body(&new)
            let (before, after) = (Self.byID(old), Self.byID(new))
            try sql { () throws(SQLiteError) in
                for record in new.records where before[record.id] != record {
                    try database.replace(record, seal: record.sealed(under: keys))
                }
                for record in old.records where after[record.id] == nil { try database.delete(bearer: record.id) }
                for record in discarded { try database.delete(bearer: record.id) }
            }
            return (result, discarded)
        }
    }

    /// Seals rows anew.
    ///
    /// - Returns: how many were under another key.
    func reseal(under keys: PurposeKeys, where isMeant: (SealedBearer) -> Bool) throws(TokenError) -> Int {
        guard let database = try existing() else { return 0 }
        return try database.transaction({ TokenError($0, path: path) }) { () throws(TokenError) in
            var count = 0
            for row in try sql({ () throws(SQLiteError) in try database.bearers() }) where isMeant(row) {
                let seal = row.record.sealed(under: keys)
                guard seal != row.seal else { continue }
                try sql { () throws(SQLiteError) in try database.replace(row.record, seal: seal) }
                count += 1
            }
            return count
        }
    }

    /// Differs from its last value when anyone has written to the file, or put another in its place. Reads shared memory only.
    func stamp() throws(TokenError) -> (connection: Int, version: Int64) {
        guard let database = try existing() else { return (0, 0) }
        return (connectionsMade, try sql { () throws(SQLiteError) in try database.dataVersion() })
    }

    private static func byID(_ book: BearerBook) -> [String: BearerRecord] {
        Dictionary(book.records.map { ($0.id, $0) }) { first, _ in first }
    }

    private func existing() throws(TokenError) -> SQLiteConnection? {
        access(path, F_OK) == 0 ? try database(creating: false) : nil
    }

    private func database(creating: Bool) throws(TokenError) -> SQLiteConnection {
        if let connection, !connection.checkReplaced() { return connection }
        connection = nil
        return try sql { () throws(SQLiteError) in
            let opened = try SQLiteConnection(path: path, access: creating ? .create : .readWrite)
            try opened.migrate("bearers", through: SQLiteConnection.bearerSchema)
            connection = opened
            connectionsMade += 1
            return opened
        }
    }

    private func sql<Result>(_ body: () throws(SQLiteError) -> Result) throws(TokenError) -> Result {
        do throws(SQLiteError) { return try body() } catch { throw TokenError(error, path: path) }
    }
}
