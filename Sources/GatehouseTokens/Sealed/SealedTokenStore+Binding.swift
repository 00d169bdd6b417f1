internal import GatehouseCore

/// A store is bound by a record of its id, which stands in it as the change of a token that no route can mean. From then on each row of it names
/// the id in its seal.
///
/// A new store is bound by its first change. One of an older release is bound by `key rotate`, all rows in one transaction, and not before:
/// instances of that release do not open rows that are bound.
extension SealedTokenStore {
    /// The name of the binding's record, which is no valid ``TokenName``.
    static let storeName = "*store"
    static let bindAction = "bind"

    /// Whether the rows of this store open in no other one; so it is with a store that has none.
    package func isBound() async throws(TokenError) -> Bool {
        try await database.use(.reading) { rows throws(TokenError) in
            if try binding(rows) != nil { return true }
            return try rows.isEmpty()
        }
    }

    /// The id of the store as one view of the rows has it; nil while it is not bound.
    func binding(_ rows: TokenRows) throws(TokenError) -> StoreID? {
        if let known = rows.view.binding { return known.id }
        var id: StoreID?
        do throws(TokenError) {
            if try trustedHead(of: Self.storeName, rows) != nil {
                guard let event = try rows.events(of: Self.storeName, limit: 1).first?.event,
                    event.action == Self.bindAction, let found = StoreID(parsing: event.note)
                else { throw Self.tampered(Self.storeName, "it is not an id") }
                guard seenStore.saw(found) else { throw Self.tampered(Self.storeName, "it is another store's") }
                id = found
            }
        } catch {
            guard error.code == .tampered else { throw error }
            throw TokenError(
                error.code,
                "the record of the store's id: \(error.message)",
                hint: "restore the store from a backup, and find out who wrote to the database",
                underlying: error
            )
        }
        rows.view.binding = TokenView.Binding(id: id)
        return id
    }

    /// The id that a row of `name` is sealed for.
    func binding(of name: String, _ rows: TokenRows) throws(TokenError) -> StoreID? {
        name == Self.storeName ? nil : try binding(rows)
    }

    /// Binds a store that has no rows yet.
    func bindIfNew(by actor: String, _ rows: TokenRows) throws(TokenError) {
        guard try rows.isEmpty() else { return }
        // A process that has seen rows here has more to say of it than that they are new.
        guard try trustedHead(of: Self.storeName, rows) == nil else { return }
        try bind(to: .draw(), by: actor, rows)
    }

    /// Binds the rows of a store that is not bound. All of them or none: this is one transaction.
    func bind(by actor: String, _ rows: TokenRows, _ report: inout RewrapReport) throws(TokenError) {
        guard try binding(rows) == nil else { return }
        try refuseEndedFirst(rows)
        let id = StoreID.draw()
        try rewrapVersions(rows, &report, to: id)
        try rewrapRecords(rows, &report, to: id)
        try bind(to: id, by: actor, rows)
        report.isBoundNow = true
    }

    private func bind(to id: StoreID, by actor: String, _ rows: TokenRows) throws(TokenError) {
        var head = TokenHead(name: Self.storeName)
        _ = try record(Self.bindAction, &head, try TokenChange(actor: actor, note: id.text), rows)
        rows.view.binding = TokenView.Binding(id: id)
    }
}
