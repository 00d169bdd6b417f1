package import GatehouseCore
internal import TLSClient

/// The authorities that certificates of `https` upstreams are verified against, beside the system's: the files that routes name, as they were
/// read at the start or by the last reload. Immutable, and part of a snapshot: a reload puts new ones in force with the routes.
package struct UpstreamAuthorities: Sendable {
    private struct Entry: Sendable {
        let bytes: [UInt8]
        let context: TLSContext
    }

    /// Bytes of a file; a system's bundle of all authorities has some 200 KiB.
    static let maximumLength = 4 << 20

    /// Keyed by the file's path.
    private let entries: [String: Entry]

    package static let none = UpstreamAuthorities()

    private init() { entries = [:] }

    /// Reads the files that routes name.
    ///
    /// - Parameter old: whose context stays for a file that says what it said: connections that were verified against it are kept.
    /// - Throws: ``InvalidValue`` that names the route and the file.
    package init(of routes: [Route], keeping old: UpstreamAuthorities = .none) throws(InvalidValue) {
        var entries: [String: Entry] = [:]
        for route in routes {
            guard let path = route.upstream.tls.authorities, entries[path] == nil else { continue }
            entries[path] = try Self.entry(path, of: route.name, keeping: old)
        }
        self.entries = entries
    }

    private static func entry(
        _ path: String,
        of route: RouteName,
        keeping old: UpstreamAuthorities
    ) throws(InvalidValue) -> Entry {
        func unusable(_ why: String) -> InvalidValue {
            InvalidValue("the authorities of the route '\(route)', \(path), cannot be used: \(why)")
        }
        let bytes: [UInt8]
        do throws(InvalidValue) { bytes = try RegularFile.read(path, atMost: maximumLength + 1) } catch {
            throw unusable("the file \(error.message)")
        }
        guard bytes.count <= maximumLength else { throw unusable("the file has more than \(maximumLength) bytes") }
        if let known = old.entries[path], known.bytes == bytes { return known }
        do throws(TLSError) { return Entry(bytes: bytes, context: try TLSContext(.certificates(bytes))) } catch {
            throw unusable(error.message)
        }
    }

    /// Nil where the system's authorities serve.
    func context(for upstream: Upstream) -> TLSContext? {
        upstream.tls.authorities.flatMap { entries[$0]?.context }
    }
}

/// An upstream and what its certificate is verified against: connections to it are pooled under both, so that none outlives the authority
/// by which it was let in.
struct PooledUpstream: Hashable, Sendable {
    let upstream: Upstream
    /// Nil for the system's authorities, and where no TLS is spoken.
    let context: TLSContext?

    static func == (one: PooledUpstream, other: PooledUpstream) -> Bool {
        one.upstream == other.upstream && one.context === other.context
    }

    func hash(into hasher: inout Hasher) { upstream.hash(into: &hasher) }
}
