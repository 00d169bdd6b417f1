package import GatehouseCore

/// Books stand in the tables of tokens, under names that no token can have: sealed, bound to their store, versioned and re-wrapped like them. Most are
/// no secret; the seal keeps a user who can write to the database from writing one.
///
/// A book is longer than a row may be, so it stands in several: versions that follow one another, the last of which is the current one. Each begins with
/// the number of parts, in two bytes, and how many follow it.
extension SealedTokenStore {
    /// Bytes of a book in one row.
    private static let partLength = 16 << 10
    /// Changes kept of a book.
    private static let keptBookEvents: Int64 = 64

    /// A book as the store has it, and its revision.
    package struct Kept<Book: KeptBook>: Sendable {
        package let book: Book
        /// Counts the changes; 0 where none was kept yet.
        package let revision: Int64
    }

    /// - Parameter known: the revision that was read before: nil is returned while it is the present one.
    /// - Throws: ``TokenError`` `tampered` for a book that was changed by something else than Gatehouse.
    func book<Book: KeptBook>(
        _ key: BookKey,
        beyond known: Int64? = nil
    ) async throws(TokenError) -> Kept<Book>? {
        try await database.use(.reading) { rows throws(TokenError) in
            do throws(TokenError) {
                _ = try binding(rows)
                _ = try ends(rows)
                guard let head = try trustedHead(of: key.rowName, rows) else {
                    return known == 0 ? nil : Kept(book: Book(), revision: 0)
                }
                guard head.revision != known else { return nil }
                return Kept(book: head.current > 0 ? try book(key, head, rows) : Book(), revision: head.revision)
            } catch { throw Self.of(key, error) }
        }
    }

    /// Reads a book, changes it, and writes it back if that made it another one, all as one transaction.
    ///
    /// - Parameters:
    ///   - actor: who changes it.
    ///   - change: is given the time by the store's clock, which is one for all instances.
    func changeBook<Book: KeptBook, Result: Sendable>(
        _ key: BookKey,
        by actor: String,
        _ change: @escaping @Sendable (inout Book, Timestamp) throws(TokenError) -> Result
    ) async throws(TokenError) -> (result: Result, kept: Kept<Book>) {
        let (result, kept) = try await database.use(.changing) {
            rows throws(TokenError) -> (Result, Kept<Book>) in
            do throws(TokenError) {
                try bindIfNew(by: actor, rows)
                let head = try trustedHead(of: key.rowName, rows) ?? TokenHead(name: key.rowName)
                let old: Book = head.current > 0 ? try book(key, head, rows) : Book()
                var new = old
                let now = try rows.sql.now().map { Timestamp(microseconds: $0) } ?? clock.now()
                let result = try change(&new, now)
                guard new != old else { return (result, Kept(book: old, revision: head.revision)) }
                return (result, Kept(book: new, revision: try put(new, key, head, actor, rows)))
            } catch { throw Self.of(key, error) }
        }
        if kept.revision > 0 { seen.saw(key.rowName, at: kept.revision) }
        return (result, kept)
    }

    /// Destroys a book, also one that cannot be trusted any more.
    ///
    /// - Returns: whether there was one.
    func destroyBook(_ key: BookKey, by actor: String) async throws(TokenError) -> Bool {
        try await destroy(key.rowName, try TokenChange(actor: actor))
    }

    // MARK: -

    private func put(
        _ book: some KeptBook,
        _ key: BookKey,
        _ head: consuming TokenHead,
        _ actor: String,
        _ rows: TokenRows
    ) throws(TokenError) -> Int64 {
        let bytes = book.encoded
        let count = max(1, (bytes.count + Self.partLength - 1) / Self.partLength)
        let before = head.latest
        for part in 0..<count {
            head.latest += 1
            let row = SealedRow(
                name: head.name,
                version: head.latest,
                predecessor: nil,
                createdAt: clock.now().microseconds,
                expiresAt: nil,
                actor: actor,
                note: ""
            )
            let rest = count - 1 - part
            var value = [count >> 8, count, rest >> 8, rest].map { UInt8(truncatingIfNeeded: $0) }
            value += bytes[part * Self.partLength..<min((part + 1) * Self.partLength, bytes.count)]
            try rows.insert(row, sealed: try sealer.seal(Secret(value), in: row, of: try binding(rows)))
        }
        try rows.removeVersions(of: head.name, through: before)
        head.current = head.latest
        head = try record(key.action, &head, try TokenChange(actor: actor), rows)
        try rows.removeEvents(of: head.name, through: head.revision - Self.keptBookEvents)
        return head.revision
    }

    private func book<Book: KeptBook>(
        _ key: BookKey,
        _ head: TokenHead,
        _ rows: TokenRows
    ) throws(TokenError) -> Book {
        var bytes: [UInt8] = []
        let last = try part(head.current, of: head.name, rows)
        let count = Int64(last.count)
        guard count > 0, count <= head.current, last.rest == 0 else { throw Self.tampered(head.name, "it has no end") }
        for version in head.current - count + 1..<head.current {
            let part = try part(version, of: head.name, rows)
            guard part.count == last.count, part.rest == Int(head.current - version) else {
                throw Self.tampered(head.name, "a part of it is another one's")
            }
            bytes += part.bytes
        }
        bytes += last.bytes
        guard bytes.count <= Book.maximumLength, let book = bytes.withUnsafeBytes({ Book(decoding: $0) }) else {
            throw TokenError(.schemaTooNew, "they are written by a newer release")
        }
        return book
    }

    private func part(
        _ version: Int64,
        of name: String,
        _ rows: TokenRows
    ) throws(TokenError) -> (count: Int, rest: Int, bytes: [UInt8]) {
        guard let (row, sealed) = try rows.version(version, of: name) else {
            throw Self.tampered(name, "a part of it is gone")
        }
        let value = try sealer.open(sealed, in: row, of: try binding(rows)).withUnsafeBytes { Array($0) }
        try refuseEnded(SealedValue.keyID(of: sealed), name, rows)
        guard value.count >= 4 else { throw Self.tampered(name, "a part of it is none") }
        return (Int(value[0]) << 8 | Int(value[1]), Int(value[2]) << 8 | Int(value[3]), Array(value[4...]))
    }

    private static func of(_ key: BookKey, _ error: TokenError) -> TokenError {
        switch error.code {
        case .tampered:
            TokenError(
                .tampered,
                "\(key.words) were changed outside Gatehouse",
                hint:
                    "restore the store from a backup, or `\(key.remedy)`; and find out who wrote to the database",
                underlying: error
            )
        case .keyUnknown, .schemaTooNew:
            TokenError(error.code, "\(key.words): \(error.message)", hint: error.hint, underlying: error)
        case _: error
        }
    }
}
