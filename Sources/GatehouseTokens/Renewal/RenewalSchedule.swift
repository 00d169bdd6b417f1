package import GatehouseCore

/// When one token is renewed: a machine without store, clock or network. Times are since any fixed point of a clock that is never set, so a step
/// of the wall clock neither hurries nor delays a renewal; only how old a grant is when it is read is a matter of the wall clock.
package struct RenewalSchedule: Sendable {
    /// The part of its lifetime after which a token is renewed, give or take ``jitterPart``.
    static let renewAfter = 0.8
    static let jitterPart = 0.05
    /// Between two renewals that rejections cause, whoever causes them.
    package static let forcedInterval: Duration = .seconds(30)
    /// Waits after failures: doubled from the first up to the last.
    static let retryRange: ClosedRange<Duration> = .seconds(1)...(.seconds(300))
    /// While another process renews it.
    static let heldWait: Duration = .seconds(2)

    package enum State: String, Sendable, CaseIterable {
        /// Nothing was read yet.
        case unread
        /// There is no grant, and none is asked for before an operator has set the refresh token that it begins with.
        case waitsForSeed = "waits_for_seed"
        /// The first one is asked for.
        case obtaining
        case good
        /// The last renewal failed; a token that there is goes on to its end.
        case failing
        /// The server gives nothing for it any more: somebody has to do something first.
        case needsConnecting = "needs_connecting"
    }

    package private(set) var state = State.unread
    /// Nil when nothing is due by itself.
    package private(set) var dueAt: Duration?
    private let needsSeed: Bool
    private var version = 0
    /// When the token ends; nil while nobody has said.
    private var endsAt: Duration?
    /// The value that a renewal under way, or the last one, began with, where the store's grant is of another.
    private var begun: SeedDigest?
    /// The value that the store's grant came from.
    private var keptSeed: SeedDigest?
    private var failures = 0
    private var isRunning = false
    /// Whether a reading is to bring another version: this process has written one, or another process is at it.
    private var isAwaited = false
    private var forced: (version: Int, at: Duration)?

    /// - Parameter needsSeed: whether an operator sets what a first renewal shows.
    package init(needsSeed: Bool) { self.needsSeed = needsSeed }

    /// Takes what the store has.
    ///
    /// - Parameters:
    ///   - version: of the grant; 0 for none.
    ///   - seed: what operators have set; nil where nothing is, or is needed.
    ///   - jitter: from 0 to 1.
    package mutating func read(
        _ kept: KeptGrant?,
        version: Int,
        seed: SeedDigest?,
        at now: Duration,
        wall: Timestamp,
        jitter: Double
    ) {
        let isFirst = state == .unread
        if isFirst || version != self.version {
            self.version = version
            // A deleted grant is not begun anew with the value that it came from: that is used up, and gone from the live store a moment later.
            (failures, begun, endsAt, isAwaited) = (0, kept == nil ? keptSeed : nil, nil, false)
            keptSeed = kept?.seed
            switch kept {
            case .usable(let grant)?: take(grant, at: now, wall: wall, jitter: jitter)
            case .needsConnecting?:
                // An operator sets another refresh token. A client or an app is put right at the server, of which nobody tells: it is asked
                // again, slowly.
                state = .needsConnecting
                dueAt = needsSeed ? nil : isFirst ? now : now + Self.retryRange.upperBound
            case .client?, nil: (state, dueAt) = needsSeed ? (.waitsForSeed, nil) : (.obtaining, now)
            }
        }
        guard needsSeed else { return }
        if let seed, seed != kept?.seed, seed != begun {
            (begun, failures, dueAt) = (seed, 0, now)
            if state == .waitsForSeed || state == .needsConnecting { state = .obtaining }
        } else if seed == nil, kept == nil {
            (state, dueAt, begun) = (.waitsForSeed, nil, nil)
        }
    }

    private mutating func take(_ grant: TokenGrant, at now: Duration, wall: Timestamp, jitter: Double) {
        state = .good
        guard let end = grant.expiresAt else {
            dueAt = nil
            return
        }
        let life = max(.zero, end - grant.issuedAt)
        // A grant of the future is of a clock that was wrong: it is taken for a new one.
        let age = min(max(.zero, wall - grant.issuedAt), life)
        endsAt = now + life - age
        dueAt = now + max(.zero, life * (Self.renewAfter + Self.jitterPart * (2 * jitter - 1)) - age)
    }

    /// Whether the token's time is over.
    package func hasEnded(at now: Duration) -> Bool { endsAt.map { now >= $0 } ?? false }

    /// An upstream answered 401 to it.
    ///
    /// - Returns: whether another version may come of it: a renewal is due now or under way.
    package mutating func rejected(version: Int, at now: Duration) -> Bool {
        guard version == self.version, state == .good || state == .failing else { return false }
        if isUnderWay(at: now) { return true }
        guard forced.map({ $0.version != version && now - $0.at >= Self.forcedInterval }) ?? true else { return false }
        forced = (version, now)
        dueAt = now
        return true
    }

    /// Whether a renewal is due now, or this process or another one is at it.
    package func isUnderWay(at now: Duration) -> Bool {
        isRunning || isAwaited || dueAt.map { now >= $0 } ?? false
    }

    /// Whether one is due now and nobody is at it.
    package func isDue(at now: Duration) -> Bool { !isRunning && dueAt.map { now >= $0 } ?? false }

    /// - Returns: whether a renewal begins now.
    package mutating func begin(at now: Duration) -> Bool {
        guard isDue(at: now) else { return false }
        (isRunning, isAwaited, dueAt) = (true, false, nil)
        return true
    }

    /// The renewal that began has ended, and what came of it is in the store: the next reading has another version.
    package mutating func ended() { (isRunning, isAwaited) = (false, true) }

    /// Another process holds the lease: it writes what comes of it.
    package mutating func held(at now: Duration) {
        (isRunning, isAwaited, dueAt) = (false, true, now + Self.heldWait)
    }

    /// The renewal came to nothing that is in the store.
    ///
    /// - Parameters:
    ///   - retryAfter: how long the server asks to wait.
    ///   - jitter: from 0 to 1.
    package mutating func failed(retryAfter: Duration?, at now: Duration, jitter: Double) {
        isRunning = false
        if state == .good || state == .obtaining { state = .failing }
        let wait =
            state == .needsConnecting
            ? Self.retryRange.upperBound
            : min(Self.retryRange.upperBound, Self.retryRange.lowerBound * (1 << min(failures, 20)))
        dueAt = now + max(wait * (0.5 + 0.5 * jitter), retryAfter ?? .zero)
        failures += 1
    }
}
