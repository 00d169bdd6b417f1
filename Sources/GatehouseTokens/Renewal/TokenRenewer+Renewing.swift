internal import GatehouseCore

/// One renewal: under a lease, so that no other process asks for the same, and written down before it is used.
extension TokenRenewer {
    /// Renewals of one refresh token, one after the other, of which nobody knows what came: beyond it the token needs connecting. The server may
    /// have taken the refresh token already, and showing it once more could end its family (RFC 9700 section 4.14.2).
    package static let unfinishedTries = 2

    /// - Returns: nil when another process is at it, or was.
    func renew(_ name: TokenName) async -> Outcome? {
        guard let token = entries[name]?.token else { return nil }
        let outcome: Outcome
        do throws(TokenError) {
            switch try await store.lease(GrantKey(name), by: holder) {
            case .held:
                entries[name]?.schedule.held(at: surroundings.uptime())
                return nil
            case .taken(let lease):
                guard let ended = try await renew(token, under: lease) else {
                    entries[name]?.schedule.ended()
                    return nil
                }
                outcome = ended
            }
        } catch {
            // What could not be written is not used.
            outcome = .failure(RenewalFailure(.unavailable, error.message, hint: error.hint))
        }
        note(outcome, of: name)
        return outcome
    }

    private func note(_ outcome: Outcome, of name: TokenName) {
        guard var entry = entries[name] else { return }
        defer { entries[name] = entry }
        switch outcome {
        case .success:
            entry.schedule.ended()
            entry.state.renewals += 1
            (entry.state.problem, entry.state.hint) = (nil, nil)
        case .failure(let failure):
            entry.state.failures += 1
            (entry.state.problem, entry.state.hint) = (failure.message, failure.hint)
            // One that has ended is in the store as such, and read from there.
            guard failure.code == .unavailable else { return entry.schedule.ended() }
            entry.schedule.failed(
                retryAfter: failure.retryAfter,
                at: surroundings.uptime(),
                jitter: surroundings.jitter()
            )
        }
    }

    private func renew(_ token: RenewedToken, under lease: GrantLease) async throws(TokenError) -> Outcome? {
        let known = entries[token.name]
        if let unwritten = known?.unwritten {
            if lease.version == unwritten.after {
                return try await write(unwritten.grant, unwritten.failure, of: token, under: lease)
            }
            entries[token.name]?.unwritten = nil
        }
        // Another process has renewed it since it was found to be due: what is due now, the next reading tells.
        if lease.version > known?.state.version ?? 0 {
            try await store.release(lease, by: holder, why: "")
            return nil
        }
        let seed = token.issuer.needsSeed ? seeds()[token.name]?.secret : nil
        let digest = seed.map { SeedDigest(of: $0) } ?? lease.kept?.seed
        var refresh = seed
        if lease.kept?.seed == digest, case .usable(let grant)? = lease.kept { refresh = grant.refresh ?? seed }
        if token.issuer.needsSeed {
            guard refresh != nil else {
                let failure = RenewalFailure(.unavailable, "no refresh token is set")
                try await store.release(lease, by: holder, why: failure.message)
                return .failure(failure)
            }
            guard lease.unfinished < Self.unfinishedTries else {
                let why = "\(lease.unfinished) renewals broke off before what came of them was written down"
                let failure = RenewalFailure(.ended, why, hint: "gatehouse token set \(token.name)")
                return try await write(.needsConnecting(why: why, seed: digest), failure, of: token, under: lease)
            }
        }
        let answer: Result<TokenGrant, RenewalFailure>
        do throws(RenewalFailure) { answer = .success(try await token.issuer.renew(refresh, seed: digest)) } catch {
            answer = .failure(error)
        }
        switch answer {
        case .success(let grant): return try await write(.usable(grant), nil, of: token, under: lease)
        case .failure(let failure) where failure.code == .ended:
            return try await write(
                .needsConnecting(why: failure.message, seed: digest),
                failure,
                of: token,
                under: lease
            )
        case .failure(let failure):
            try await store.release(lease, by: holder, why: failure.message)
            return .failure(failure)
        }
    }

    /// - Parameter failure: what the grant that needs connecting comes from.
    private func write(
        _ grant: KeptGrant,
        _ failure: RenewalFailure?,
        of token: RenewedToken,
        under lease: GrantLease
    ) async throws(TokenError) -> Outcome {
        entries[token.name]?.unwritten = Unwritten(grant: grant, failure: failure, after: lease.version)
        let version = try await store.keep(grant, under: lease, by: holder)
        entries[token.name]?.unwritten = nil
        return failure.map { .failure($0) } ?? .success(version)
    }
}
