package import GatehouseCore

/// The pins of a route stand in the tables of tokens, under a name that no token can have: sealed, bound to their store, versioned and re-wrapped like
/// them. They are no secret; the seal keeps a user who can write to the database from approving a tool.
///
/// A book is longer than a row may be, so it stands in several: versions that follow one another, the last of which is the current one. Each begins with
/// the number of parts, in two bytes, and how many follow it.
extension SealedTokenStore {
    /// Bytes of a book in one row.
    private static let partLength = 16 << 10
    /// Changes kept of a book.
    private static let keptPinEvents: Int64 = 64
    private static let pinAction = "pin"

    /// The pins of a route as the store has them, and their revision.
    package struct KeptPins: Sendable {
        package let book: PinBook
        /// Counts the changes; 0 where none was kept yet.
        package let revision: Int64
    }

    /// The routes of which pins are kept, whether or not they can be trusted.
    package func pinnedRoutes() async throws(TokenError) -> [RouteName] {
        try await database.use(.reading) { rows throws(TokenError) in
            try rows.pinNames().compactMap { PinsKey.route(ofRow: $0) }
        }
    }

    /// - Parameter known: the revision that was read before: nil is returned while it is the present one.
    /// - Throws: ``TokenError`` `tampered` for pins that were changed by something else than Gatehouse.
    package func pins(of route: RouteName, beyond known: Int64? = nil) async throws(TokenError) -> KeptPins? {
        try await database.use(.reading) { rows throws(TokenError) in
            do throws(TokenError) {
                _ = try binding(rows)
                _ = try ends(rows)
                guard let head = try trustedHead(of: PinsKey.rowName(route), rows) else {
                    return known == 0 ? nil : KeptPins(book: PinBook(), revision: 0)
                }
                guard head.revision != known else { return nil }
                let book = head.current > 0 ? try book(head, rows) : PinBook()
                return KeptPins(book: book, revision: head.revision)
            } catch { throw Self.ofPins(error, route) }
        }
    }

    /// Reads the pins of a route, changes them, and writes them back if that made them others, all as one transaction.
    ///
    /// - Parameter actor: who changes them.
    package func changePins<Result: Sendable>(
        of route: RouteName,
        by actor: String,
        _ change: @escaping @Sendable (inout PinBook) -> Result
    ) async throws(TokenError) -> (result: Result, kept: KeptPins) {
        let name = PinsKey.rowName(route)
        let (result, kept) = try await database.use(.changing) {
            rows throws(TokenError) -> (Result, KeptPins) in
            do throws(TokenError) {
                try bindIfNew(by: actor, rows)
                let head =
                    try trustedHead(of: name, rows)
                    ?? TokenHead(name: name)
                let old = head.current > 0 ? try book(head, rows) : PinBook()
                var new = old
                let result = change(&new)
                guard new != old else { return (result, KeptPins(book: old, revision: head.revision)) }
                return (result, KeptPins(book: new, revision: try put(new, head, actor, rows)))
            } catch { throw Self.ofPins(error, route) }
        }
        if kept.revision > 0 { seen.saw(name, at: kept.revision) }
        return (result, kept)
    }

    private func put(
        _ book: PinBook,
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
        head = try record(Self.pinAction, &head, try TokenChange(actor: actor), rows)
        try rows.removeEvents(of: head.name, through: head.revision - Self.keptPinEvents)
        return head.revision
    }

    private func book(_ head: TokenHead, _ rows: TokenRows) throws(TokenError) -> PinBook {
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
        guard bytes.count <= PinBook.maximumLength, let book = bytes.withUnsafeBytes({ PinBook(decoding: $0) }) else {
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

    private static func ofPins(_ error: TokenError, _ route: RouteName) -> TokenError {
        switch error.code {
        case .tampered:
            TokenError(
                .tampered,
                "the pins of the route '\(route)' were changed outside Gatehouse",
                hint:
                    "restore the store from a backup, or `gatehouse pins forget \(route)`; and find out who wrote to the database",
                underlying: error
            )
        case .keyUnknown, .schemaTooNew:
            TokenError(
                error.code,
                "the pins of the route '\(route)': \(error.message)",
                hint: error.hint,
                underlying: error
            )
        case _: error
        }
    }

    /// Destroys the pins of a route, also those that cannot be trusted any more.
    ///
    /// - Returns: whether there were some.
    package func forgetPins(of route: RouteName, by actor: String) async throws(TokenError) -> Bool {
        try await destroy(PinsKey.rowName(route), try TokenChange(actor: actor))
    }
}
