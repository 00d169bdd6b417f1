internal import GatehouseCore

/// The request bodies that one event loop holds for the MCP gate, counted in all and for each principal, so that no single caller
/// takes the room of all others.
///
/// Only a body that comes in several parts is counted; one that came with its head needs no holding.
struct HeldBodies {
    private(set) var bytes = 0
    /// Principals that hold something now; each has an open connection, so the listener bounds them.
    private var shares: [Principal: Int] = [:]

    /// Counts what a principal holds.
    ///
    /// - Parameters:
    ///   - count: bytes more than before, or fewer.
    mutating func add(_ count: Int, of principal: Principal) {
        bytes += count
        let share = shares[principal, default: 0] + count
        shares[principal] = share > 0 ? share : nil
    }

    /// Whether a body may be held on.
    ///
    /// - Parameter held: bytes of the body that is asked about. A body that is its principal's only one is bounded by the route's
    ///   limit alone, else a route could not allow bodies larger than a share.
    func hasRoom(for principal: Principal, holding held: Int, within limits: ServerLimits) -> Bool {
        let share = shares[principal] ?? 0
        return bytes <= limits.heldBodies && (share == held || share <= limits.heldBodiesOfOne)
    }
}
