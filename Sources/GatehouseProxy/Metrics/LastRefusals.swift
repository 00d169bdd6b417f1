package import GatehouseCore

/// The last requests of one event loop that were refused or failed: what the status page lists. Holds no name and no path.
package struct LastRefusals: Sendable {
    /// Entries kept; the oldest gives way.
    package static let maximum = 20

    package struct Entry: Sendable {
        package let at: Timestamp
        package let requestID: RequestID
        package let route: RouteName?
        package let reason: Reason
        package let status: Int

        package init(at: Timestamp, requestID: RequestID, route: RouteName?, reason: Reason, status: Int) {
            (self.at, self.requestID, self.route, self.reason, self.status) = (at, requestID, route, reason, status)
        }
    }

    private var ring: [Entry] = []
    private var oldest = 0

    package init() {}

    mutating func record(_ entry: Entry) {
        if ring.count < Self.maximum {
            ring.append(entry)
        } else {
            ring[oldest] = entry
            oldest = (oldest + 1) % Self.maximum
        }
    }

    package mutating func add(_ other: LastRefusals) {
        let newest = (newestFirst + other.newestFirst).sorted { $0.at > $1.at }.prefix(Self.maximum)
        (ring, oldest) = (newest.reversed(), 0)
    }

    package var newestFirst: [Entry] { ring.sorted { $0.at > $1.at } }
}
