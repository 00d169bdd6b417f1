internal import Synchronization

/// Keeps an issuer's signing keys fresh: fetches them in the background and on an unknown key id, keeps the last good
/// ones while the issuer cannot be reached, in memory and in a file, and publishes each snapshot.
///
/// Call ``run()`` in a task of its own; hand every published snapshot to each ``AssertionVerifier``.
public actor SigningKeySource {
    /// Fetches the body at a URL: with a timeout of its own (5 s are enough), without following redirects, without reading
    /// more than ``maximumResponseBytes``, and throwing on any status but 200.
    public typealias Fetch = @Sendable (_ url: String) async throws -> [UInt8]
    /// Takes a new snapshot. Called in order, on the source's executor: return soon.
    public typealias OnChange = @Sendable (SigningKeys) -> Void

    /// The largest key set, in bytes; a larger one counts as a failed fetch.
    public static let maximumResponseBytes = 1 << 20
    /// Seconds between a failed fetch and the next one, doubled at each further failure up to the refresh interval.
    public static let firstRetry: Int64 = 1
    /// How far the time in the file may be ahead of the clock, in seconds, before the file is refused.
    public static let maximumFileLead: Int64 = 300

    public nonisolated let options: Options
    private let clock: any KeyClock
    private let fetch: Fetch
    private let onChange: OnChange
    private let jitter: @Sendable () -> Double
    private let file: KeyFile?
    /// Outside the actor, so that an event loop can ask it without a hop.
    private let gate: Mutex<UnknownKeyGate>

    private var current: SigningKeys?
    private var refreshing: Task<Bool, Never>?
    private var failures = 0
    public private(set) var status = Status()

    /// Makes a source that does nothing yet.
    ///
    /// - Parameters:
    ///   - options: what to fetch, when, and for how long it serves.
    ///   - clock: the machine's; replaced in tests.
    ///   - jitter: a number from -1 to 1 for each wait; replaced in tests.
    ///   - fetch: see ``Fetch``.
    ///   - onChange: see ``OnChange``.
    public init(
        options: Options,
        clock: any KeyClock = SystemKeyClock(),
        jitter: @escaping @Sendable () -> Double = { Double.random(in: -1...1) },
        fetch: @escaping Fetch,
        onChange: @escaping OnChange = { _ in }
    ) {
        self.options = options
        self.clock = clock
        self.jitter = jitter
        self.fetch = fetch
        self.onChange = onChange
        file = options.path.map(KeyFile.init(path:))
        gate = Mutex(UnknownKeyGate(interval: options.unknownKeyInterval, memory: options.refreshInterval))
    }

    /// The keys to verify with; nil while there are none, and once they are staler than allowed.
    public var keys: SigningKeys? { current?.areUsable(at: clock.now()) == true ? current : nil }

    /// Refreshes until the task is cancelled. The first round starts at once and falls back to the file.
    public func run() async {
        while !Task.isCancelled {
            await refresh()
            do { try await clock.sleep(seconds: nextWait()) } catch { return }
        }
    }

    /// Fetches the keys now, or waits for the fetch that is under way.
    ///
    /// - Returns: whether the fetch brought usable keys.
    @discardableResult
    public func refresh() async -> Bool {
        if let refreshing { return await refreshing.value }
        gate.withLock { $0.refreshStarted() }
        let task = Task { await self.refreshOnce() }
        refreshing = task
        return await task.value
    }

    /// Whether it is worth calling ``lookUp(_:)`` and waiting for it: a refresh is under way or may start, and the id is
    /// not one that a refresh did not bring. Cheap, and callable from anywhere, so that made-up ids cost little.
    public nonisolated func mayLookUp(_ keyID: String) -> Bool {
        let now = clock.now()
        return gate.withLock { $0.isWorthWaiting(for: keyID, now: now) }
    }

    /// Refreshes on account of an unknown key id: joins the refresh under way, or starts one out of a budget of three, of which one comes
    /// back every ``Options/unknownKeyInterval``, and not again for an id that a refresh did not bring.
    ///
    /// - Returns: whether the id is known now.
    @discardableResult
    public func lookUp(_ keyID: String) async -> Bool {
        if knows(keyID) { return true }
        if let refreshing {
            _ = await refreshing.value
        } else {
            let now = clock.now()
            let isAdmitted = gate.withLock { gate in
                guard gate.admits(keyID, now: now) else { return false }
                gate.lookUpStarted(now: now)
                return true
            }
            guard isAdmitted else { return false }
            let isFetched = await refresh()
            if !knows(keyID), keyID.utf8.count <= SigningKeys.maximumKeyIDBytes {
                gate.withLock { isFetched ? $0.remained(keyID, now: now) : $0.failed(keyID, now: now) }
            }
        }
        return knows(keyID)
    }

    /// Whether it is worth calling ``renew()`` and waiting for it, when there are no keys or they have expired: a refresh is under way or may
    /// start. Cheap, and callable from anywhere.
    public nonisolated func mayRenew() -> Bool {
        let now = clock.now()
        return gate.withLock { $0.isRefreshing || $0.admitsRenewal(now: now) }
    }

    /// Refreshes because the keys have expired, as on a machine that slept for days: the next round of the background may be an hour away. Joins
    /// the refresh under way, or starts one out of the budget of unknown key ids.
    ///
    /// - Returns: whether there are keys now.
    @discardableResult
    public func renew() async -> Bool {
        if keys != nil { return true }
        if let refreshing {
            _ = await refreshing.value
        } else {
            let now = clock.now()
            let isAdmitted = gate.withLock { gate in
                guard gate.admitsRenewal(now: now) else { return false }
                gate.lookUpStarted(now: now)
                return true
            }
            guard isAdmitted else { return false }
            if await !refresh() { gate.withLock { $0.renewalFailed(now: now) } }
        }
        return keys != nil
    }

    private func knows(_ keyID: String) -> Bool { keys?.keys[keyID] != nil }

    private func nextWait() -> Int64 {
        var seconds = Double(options.refreshInterval)
        if failures > 0 {
            seconds = min(seconds, Double(Self.firstRetry << Int64(min(failures - 1, 20))))
        }
        return max(1, Int64(seconds * (1 + options.jitter * min(max(-1, jitter()), 1))))
    }

    private func refreshOnce() async -> Bool {
        defer {
            refreshing = nil
            gate.withLock { $0.refreshEnded() }
        }
        do {
            let body: [UInt8]
            do {
                body = try await fetch(options.url.text)
            } catch {
                throw AccessIdentityError(.fetchFailed, "the signing keys could not be fetched", underlying: error)
            }
            let keys = try Self.parse(body)
            let now = clock.now()
            failures = 0
            adopt(keys, fetchedAt: now, origin: .issuer)
            save(KeyFile.Contents(fetchedAt: now, body: body))
            return true
        } catch {
            failures += 1
            status.lastFailure = Status.Failure(at: clock.now(), message: String(describing: error))
            if current == nil { loadFile() }
            return false
        }
    }

    private static func parse(_ body: [UInt8]) throws(AccessIdentityError) -> SigningKeys {
        guard body.count <= maximumResponseBytes else {
            throw AccessIdentityError(.keySetTooLarge, "the key set is larger than \(maximumResponseBytes) bytes")
        }
        let keys = try SigningKeys(jwkSet: body)
        // A set without a usable key is taken for a fault of the issuer; the last good keys stay in use.
        guard keys.count > 0 else {
            let reasons = keys.skipped.map(\.reason).joined(separator: "; ")
            throw AccessIdentityError(
                .keySetEmpty,
                "the key set has no usable key" + (reasons.isEmpty ? "" : ": \(reasons)")
            )
        }
        return keys
    }

    private func adopt(_ keys: SigningKeys, fetchedAt: Int64, origin: Status.Origin) {
        let keys = keys.serving(until: fetchedAt.addingSaturated(options.maximumStaleness))
        if current?.verifiesSame(as: keys) != true { gate.withLock { $0.forgetAll() } }
        current = keys
        status.fetchedAt = fetchedAt
        status.origin = origin
        status.servesUntil = keys.servesUntil
        status.keyIDs = keys.keyIDs
        status.skipped = keys.skipped
        onChange(keys)
    }

    private func save(_ contents: KeyFile.Contents) {
        guard let file else { return }
        do throws(AccessIdentityError) {
            try file.write(contents, url: options.url)
            status.fileProblem = nil
        } catch {
            status.fileProblem = error.description
        }
    }

    private func loadFile() {
        guard let file else { return }
        do throws(AccessIdentityError) {
            guard let contents = try file.read(url: options.url) else { return }
            let now = clock.now()
            guard contents.fetchedAt <= now + Self.maximumFileLead else {
                throw AccessIdentityError(
                    .fileUnusable,
                    "the file of last-good keys is from the future: check the clock"
                )
            }
            guard now <= contents.fetchedAt.addingSaturated(options.maximumStaleness) else {
                throw AccessIdentityError(.fileUnusable, "the file of last-good keys is older than they may serve")
            }
            adopt(try Self.parse(contents.body), fetchedAt: contents.fetchedAt, origin: .file)
            status.fileProblem = nil
        } catch {
            status.fileProblem = error.description
        }
    }
}
