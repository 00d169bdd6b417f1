internal import GatehouseCore
internal import SocketLoop
internal import Synchronization

/// A connection that an event stream passes over.
protocol EventStreamHolder: AnyObject {
    /// Writes messages into the stream.
    ///
    /// - Parameter exchange: the exchange whose response is the stream; it may be over.
    func tell(_ messages: [[UInt8]], in exchange: RequestID)
}

/// The tables that the loops share for the legacy HTTP+SSE transport: the event streams on which its clients look for answers, by session, and the
/// paths under which servers keep their sessions.
///
/// A stream is noted when its `endpoint` event passes and looked up when a call on it is refused; paths are noted likewise. No other
/// request takes the lock.
package final class LegacySessions: Sendable {
    private struct Stream {
        let holder: LoopBound<any EventStreamHolder>
        let exchange: RequestID
    }

    /// Paths with sessions below them that are remembered, of all routes; beyond them a session there is checked only when it has a tag.
    static let maximumDirectories = 256

    /// Keyed by the hash of the session as the client has it. At most one for each connection, which the listener bounds.
    private let streams = Mutex<[[UInt8]: Stream]>([:])
    private let directories = Mutex<Set<Directory>>([])
    private let changes = Atomic(0)

    struct Directory: Hashable, Sendable {
        let route: RouteName
        /// A path with the slash at its end, folded.
        let path: [UInt8]
    }

    package init() {}

    // MARK: - Streams

    func opened(_ session: [UInt8], on holder: LoopBound<any EventStreamHolder>, by exchange: RequestID) {
        streams.withLock { $0[session] = Stream(holder: holder, exchange: exchange) }
    }

    func closed(_ session: [UInt8], by exchange: RequestID) {
        streams.withLock { streams in
            if streams[session]?.exchange == exchange { streams[session] = nil }
        }
    }

    /// Writes messages into the stream of a session, whichever loop holds it.
    ///
    /// - Returns: false when no stream of the session is open here.
    func send(_ messages: [[UInt8]], to session: [UInt8]) -> Bool {
        guard let stream = streams.withLock({ $0[session] }) else { return false }
        return stream.holder.loop.execute { stream.holder.value.tell(messages, in: stream.exchange) }
    }

    // MARK: - Paths

    /// A loop's copy of the paths, so that a request compares one number.
    struct Directories {
        fileprivate var known: Set<Directory> = []
        fileprivate var changes = 0

        init() {}
    }

    /// Remembers that sessions of a route stand below a path.
    func learn(_ route: RouteName, _ path: [UInt8]) {
        directories.withLock { directories in
            guard directories.count < Self.maximumDirectories,
                directories.insert(Directory(route: route, path: path)).inserted
            else { return }
            changes.add(1, ordering: .releasing)
        }
    }

    var knowsDirectories: Bool { changes.load(ordering: .acquiring) > 0 }

    /// Whether a stream of the route has named this path, in the form of ``PathSession/told(_:)``, for posts.
    func tells(_ route: RouteName, _ path: [UInt8], _ copy: inout Directories) -> Bool {
        holdsSessions(route, path, &copy)
    }

    /// Whether sessions of a route are known to stand below a path.
    func holdsSessions(
        _ route: RouteName,
        _ path: [UInt8],
        _ copy: inout Directories
    ) -> Bool {
        let changes = changes.load(ordering: .acquiring)
        guard changes > 0 else { return false }
        if copy.changes != changes {
            copy.known = directories.withLock { $0 }
            copy.changes = changes
        }
        return copy.known.contains(Directory(route: route, path: path))
    }
}
