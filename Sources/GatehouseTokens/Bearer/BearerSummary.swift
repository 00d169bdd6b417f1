package import GatehouseCore

/// A credential without what would let anyone use it.
package struct BearerSummary: Sendable, Equatable {
    package enum Status: String, Sendable, CaseIterable {
        case live
        case expired
        case revoked
        /// The credential's row was changed outside Gatehouse, or sealed under a key that is no longer there: it opens nothing.
        case untrusted
    }

    package let id: String
    package let name: String
    /// Sorted.
    package let routes: [RouteName]
    package let issuedAt: Timestamp
    package let expiresAt: Timestamp
    package let issuedBy: String
    package let note: String
    package let revokedAt: Timestamp?
    package let revokedBy: String
    package let status: Status
}

/// A credential as requests see it: also for a while after its end, so that its bearer learns why.
package struct KnownBearer: Sendable {
    package let digest: BearerDigest
    package let caller: Caller

    package var name: String { caller.principal.name }
}

/// Every credential that requests may come with.
package struct BearerSnapshot: Sendable {
    package let bearers: [KnownBearer]

    package init(_ bearers: [KnownBearer] = []) { self.bearers = bearers }

    /// The caller that a text stands for.
    ///
    /// Compares with all of them, however many bytes agree, so that the time reveals nothing about any.
    ///
    /// - Parameter text: what follows `Bearer ` in the request's `Authorization`.
    package func verdict(on text: UnsafeRawBufferPointer, at now: Timestamp) -> AssertionVerdict {
        guard BearerText.isWellFormed(text) else { return .refused(.bearerUnknown) }
        let digest = BearerDigest(of: text)
        var found: KnownBearer?
        for bearer in bearers where bearer.digest.isSame(as: digest) { found = bearer }
        guard let caller = found?.caller, !caller.isRevoked else { return .refused(.bearerUnknown) }
        return now < caller.expiresAt ? .verified(caller) : .refused(.bearerExpired)
    }

    package func live(at now: Timestamp) -> [KnownBearer] {
        bearers.filter { now < $0.caller.expiresAt && !$0.caller.isRevoked }
    }
}
