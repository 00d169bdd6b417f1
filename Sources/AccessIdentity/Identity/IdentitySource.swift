package import GatehouseCore

/// Fetches the identities behind assertions: each once, whoever asks, a bounded number at a time, and keeps them for a time.
package actor IdentitySource {
    /// Asks the endpoint with the assertion, in the time that is given, without following redirects or reading more than
    /// ``IdentityAnswer/maximumBytes``. Throws when no answer comes.
    package typealias Fetch = @Sendable (_ assertion: Secret, _ timeout: Duration) async throws -> Response

    package struct Response: Sendable {
        let status: Int
        let body: [UInt8]

        package init(status: Int, body: [UInt8]) {
            self.status = status
            self.body = body
        }
    }

    package struct Options: Hashable, Sendable {
        /// Seconds for which an answer is fresh.
        let refresh: Int64
        /// Seconds for which it serves while newer ones cannot be fetched.
        let maximumStaleness: Int64
        let wanted: CallerAttributes.Wanted

        package init(refresh: Int64, maximumStaleness: Int64, wanted: CallerAttributes.Wanted) {
            self.refresh = max(1, refresh)
            self.maximumStaleness = max(0, maximumStaleness)
            self.wanted = wanted
        }
    }

    /// Time from the question to the end of the answer, waiting for a place included.
    package static let timeout: Duration = .seconds(5)
    /// Less time than this is left for no question.
    static let leastTime: Duration = .milliseconds(500)
    /// Seconds after a failure before the same sign-in is asked about again.
    static let retry: Int64 = 5

    private let options: Options
    private let clock: any KeyClock
    private let fetch: Fetch
    private let onRefusal: @Sendable (IdentityFailure) -> Void
    private var kept = KeptIdentities()
    private var queue = FetchQueue()
    private var fetching: [SignIn: Task<IdentityOutcome, Never>] = [:]
    private var turns: [FetchQueue.Ticket: CheckedContinuation<Void, Never>] = [:]
    package private(set) var status = Status()

    /// - Parameter onRefusal: called with each answer against an assertion; of one sign-in not more often than it may be asked about.
    package init(
        options: Options,
        clock: any KeyClock = SystemKeyClock(),
        fetch: @escaping Fetch,
        onRefusal: @escaping @Sendable (IdentityFailure) -> Void = { _ in }
    ) {
        self.options = options
        self.clock = clock
        self.fetch = fetch
        self.onRefusal = onRefusal
    }

    /// The identity of a sign-in: the one that is kept while it is fresh, else that of the fetch under way or of a new one.
    package func identity(of signIn: SignIn, _ assertion: Secret) async -> IdentityOutcome {
        let now = clock.now()
        let kept = self.kept[signIn]
        if let kept, (0..<pause(kept)).contains(now - kept.askedAt) { return outcome(kept, at: now) }
        if let fetching = fetching[signIn] { return await fetching.value }
        guard let ticket = queue.join(signIn.person, isWaitedFor: kept.flatMap { usable($0, at: now) } == nil) else {
            return note(.failure(.overloaded), of: signIn)
        }
        let task = Task { await self.fetch(signIn, assertion, ticket) }
        fetching[signIn] = task
        return await task.value
    }

    private func fetch(_ signIn: SignIn, _ assertion: Secret, _ ticket: FetchQueue.Ticket) async -> IdentityOutcome {
        let joined = ContinuousClock.now
        if !queue.isRunning(ticket) { await withCheckedContinuation { turns[ticket] = $0 } }
        let left = Self.timeout - (.now - joined)
        let result = await answer(signIn.person, assertion, within: left)
        fetching[signIn] = nil
        for next in queue.ended(ticket) { turns.removeValue(forKey: next)?.resume() }
        return note(result, of: signIn)
    }

    private func answer(
        _ person: SignIn.Person,
        _ assertion: Secret,
        within time: Duration
    ) async -> Result<IdentityAnswer, IdentityFailure> {
        // Whoever waited has hardly any time left: the others are not kept waiting for such a question.
        guard time > Self.leastTime else { return .failure(.overloaded) }
        let response: Response
        do { response = try await fetch(assertion, time) } catch {
            return .failure(.unavailable("the identity endpoint cannot be asked: \(error)"))
        }
        guard response.status != 401, response.status != 403 else {
            return .failure(.rejected(status: response.status))
        }
        guard response.status == 200 else {
            return .failure(.unavailable("the identity endpoint answers \(response.status)"))
        }
        return response.body.withUnsafeBytes { body in
            do throws(IdentityFailure) {
                return .success(try IdentityAnswer(body, of: person, options.wanted))
            } catch {
                return .failure(error)
            }
        }
    }

    private func note(_ result: Result<IdentityAnswer, IdentityFailure>, of signIn: SignIn) -> IdentityOutcome {
        let now = clock.now()
        status.count(result, at: now)
        var kept = self.kept[signIn] ?? KeptIdentities.Kept(askedAt: now)
        switch result {
        case .success(let answer): kept = KeptIdentities.Kept(answer: answer, fetchedAt: now, askedAt: now)
        case .failure(.overloaded):
            // A question that was not asked is no answer that keeps the next one from being asked.
            if let known = usable(kept, at: now) { return .known(known, until: (now + 1, usableUntil(kept))) }
            return .failed(.overloaded, askAgainAt: now + 1)
        case .failure(let failure):
            if failure.isRefusal {
                kept.answer = nil
                onRefusal(failure)
            }
            (kept.failure, kept.askedAt) = (failure, now)
        }
        self.kept.keep(kept, of: signIn)
        status.kept = self.kept.count
        return outcome(kept, at: now)
    }

    /// Seconds for which a sign-in is not asked about again.
    private func pause(_ kept: KeptIdentities.Kept) -> Int64 { kept.failure == nil ? options.refresh : Self.retry }

    private func usableUntil(_ kept: KeptIdentities.Kept) -> Int64 {
        kept.fetchedAt + max(options.refresh, options.maximumStaleness)
    }

    private func usable(_ kept: KeptIdentities.Kept, at now: Int64) -> IdentityAnswer? {
        now < usableUntil(kept) ? kept.answer : nil
    }

    private func outcome(_ kept: KeptIdentities.Kept, at now: Int64) -> IdentityOutcome {
        let again = kept.askedAt + pause(kept)
        if let answer = usable(kept, at: now) { return .known(answer, until: (again, usableUntil(kept))) }
        return .failed(kept.failure ?? .overloaded, askAgainAt: again)
    }
}

extension IdentitySource {
    /// The state of the fetches, for operators.
    package struct Status: Sendable {
        package var fetched = 0
        package var failed = 0
        /// Answers against an assertion: it was rejected, or the answer was about another person.
        package var refused = 0
        package var overloaded = 0
        /// Sign-ins kept now.
        package var kept = 0
        /// The last answer, also one against an assertion.
        package var lastSuccess: Int64?
        /// The last time that the endpoint could not be asked, also when a fetch succeeded since.
        package var lastFailure: (at: Int64, failure: IdentityFailure)?

        package init() {}

        mutating func count(_ result: Result<IdentityAnswer, IdentityFailure>, at now: Int64) {
            switch result {
            case .success:
                fetched += 1
                lastSuccess = now
            case .failure(let failure):
                switch failure {
                case .rejected, .otherPerson:
                    // It has answered.
                    refused += 1
                    lastSuccess = now
                    return
                case .unavailable: failed += 1
                case .overloaded: overloaded += 1
                }
                lastFailure = (now, failure)
            }
        }
    }
}
