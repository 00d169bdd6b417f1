internal import Glibc

/// How many descriptors the process may have open (getrlimit(2), RLIMIT_NOFILE), and how many of them connections may take.
///
/// The kernel gives the lowest free number, so the number of a new descriptor shows how many are in use.
package struct DescriptorLimit: Equatable, Sendable {
    /// Descriptors that the data plane leaves for the admin listener, the spool, databases, key sets and look-ups.
    package static let reserved = 256

    package let count: Int

    package init(_ count: Int) { self.count = count }

    /// The soft limit, which is the one in force.
    package static var current: DescriptorLimit {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return DescriptorLimit(Int(clamping: limit.rlim_cur))
    }

    /// Raises the soft limit to the hard one, up to which every process may go. Without effect where the system does not allow it.
    @discardableResult
    package static func raise() -> DescriptorLimit {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max
        else { return current }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return current
    }

    /// The first descriptor number that no connection of the data plane may have. When descriptors are very few, half of them are reserved.
    package var ceiling: Int { count - min(Self.reserved, count / 2) }

    /// Client connections that fit: each may need one more to its upstream.
    package var connections: Int { ceiling / 2 }

    /// Connections to the admin listener that fit: half of what is left to it and the others.
    package var adminConnections: Int { (count - ceiling) / 2 }
}
