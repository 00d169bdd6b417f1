internal import Crypto
internal import GatehouseCore
internal import Synchronization

/// The identity of the store that a row was sealed for: 16 random bytes, drawn when the store is bound.
///
/// Without it a sealed row opens in each store under the same master key, so a user who can write to a database could put a row of another one there:
/// a token of a test system, or one that was deleted here. The whole of another database can still be put in the place of this one, as a restored
/// backup is; a process that runs meanwhile notices that the id differs.
struct StoreID: Hashable, Sendable {
    static let length = 16
    let bytes: [UInt8]

    static func draw() -> StoreID {
        StoreID(bytes: SymmetricKey(size: .bits128).withUnsafeBytes { Array($0) })
    }

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// - Returns: nil for every text that is not ``text``.
    init?(parsing text: String) {
        guard let bytes = Hex.decode(text), bytes.count == Self.length else { return nil }
        self.bytes = bytes
    }

    var text: String { Hex.encode(bytes) }
}

/// The id of the store that this process has seen: it is the same one for as long as it runs.
final class SeenStore: Sendable {
    private let id = Mutex<StoreID?>(nil)

    /// - Returns: whether it is the first, or the same as before.
    func saw(_ new: StoreID) -> Bool {
        id.withLock { id in
            if id == nil { id = new }
            return id == new
        }
    }
}

extension TokenError {
    static func otherStore(_ name: String, isBound: Bool) -> TokenError {
        TokenError(
            .tampered,
            isBound
                ? "the token '\(name)' has a row that was sealed for a store, and this one's own record is gone"
                : "the token '\(name)' has a row that was not sealed for this store: it comes from another database, or from before "
                    + "`gatehouse key rotate` bound the rows",
            hint: "delete the token and set it anew, and find out who wrote to the database"
        )
    }
}
