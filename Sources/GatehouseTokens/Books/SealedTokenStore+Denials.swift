package import GatehouseCore

/// The deny entries that operators make are a book of the store.
extension SealedTokenStore {
    package typealias KeptDenials = Kept<DenyBook>

    /// - Parameter known: the revision that was read before: nil is returned while it is the present one.
    /// - Throws: ``TokenError`` `tampered` for entries that were changed by something else than Gatehouse.
    package func denials(beyond known: Int64? = nil) async throws(TokenError) -> KeptDenials? {
        try await book(.denials, beyond: known)
    }

    /// Denies callers: what is denied already stays as it is.
    ///
    /// - Returns: the entries that are new.
    /// - Throws: ``TokenError`` `limit` when there are too many, and nothing is added.
    package func deny(
        _ entries: [(kind: DenyEntry.Kind, text: String)],
        _ change: TokenChange
    ) async throws(TokenError) -> [DenyEntry] {
        try await changeBook(.denials, by: change.actor) { (book: inout DenyBook, now) throws(TokenError) in
            let new = entries.map { DenyEntry($0.kind, $0.text, by: change.actor, at: now, note: change.note) }
            guard let added = book.add(new) else {
                throw TokenError(
                    .limit,
                    "there would be more than \(DenyBook.maximumEntries) deny entries",
                    hint: "a '*' stands for any run of characters, and a group for many people"
                )
            }
            return added
        }.result
    }

    /// - Returns: the entries that were there.
    package func undeny(
        _ entries: [(kind: DenyEntry.Kind, text: String)],
        _ change: TokenChange
    ) async throws(TokenError) -> [DenyEntry] {
        try await changeBook(.denials, by: change.actor) { (book: inout DenyBook, now) throws(TokenError) in
            book.remove(entries.map { DenyEntry($0.kind, $0.text, by: "", at: now) })
        }.result
    }

    /// Destroys all entries, also when they cannot be trusted any more.
    ///
    /// - Returns: whether there were some.
    package func forgetDenials(by actor: String) async throws(TokenError) -> Bool {
        try await destroyBook(.denials, by: actor)
    }

    /// Takes over entries of another store.
    ///
    /// - Returns: those that were not there.
    package func take(_ denials: DenyBook, by actor: String) async throws(TokenError) -> [DenyEntry] {
        try await changeBook(.denials, by: actor) { (book: inout DenyBook, _) throws(TokenError) in
            guard let added = book.add(denials.entries) else {
                throw TokenError(.limit, "there would be more than \(DenyBook.maximumEntries) deny entries")
            }
            return added
        }.result
    }
}
