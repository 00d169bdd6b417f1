package import GatehouseCore

/// The pins of a route are a book of the store.
extension SealedTokenStore {
    package typealias KeptPins = Kept<PinBook>

    /// The routes of which pins are kept, whether or not they can be trusted.
    package func pinnedRoutes() async throws(TokenError) -> [RouteName] {
        try await database.use(.reading) { rows throws(TokenError) in
            try rows.pinNames().compactMap { BookKey.pinnedRoute(ofRow: $0) }
        }
    }

    /// - Parameter known: the revision that was read before: nil is returned while it is the present one.
    /// - Throws: ``TokenError`` `tampered` for pins that were changed by something else than Gatehouse.
    package func pins(of route: RouteName, beyond known: Int64? = nil) async throws(TokenError) -> KeptPins? {
        try await book(.pins(route), beyond: known)
    }

    /// Reads the pins of a route, changes them, and writes them back if that made them others, all as one transaction.
    ///
    /// - Parameter actor: who changes them.
    package func changePins<Result: Sendable>(
        of route: RouteName,
        by actor: String,
        _ change: @escaping @Sendable (inout PinBook) -> Result
    ) async throws(TokenError) -> (result: Result, kept: KeptPins) {
        try await changeBook(.pins(route), by: actor) { book, _ throws(TokenError) in change(&book) }
    }

    /// Destroys the pins of a route, also those that cannot be trusted any more.
    ///
    /// - Returns: whether there were some.
    package func forgetPins(of route: RouteName, by actor: String) async throws(TokenError) -> Bool {
        try await destroyBook(.pins(route), by: actor)
    }
}
