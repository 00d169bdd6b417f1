internal import GatehouseCore

/// One renewal: under a lease, so that no other process asks for the same, and written down before it is used.
extension TokenRenewer {
    /// Renewals of one refresh token, one after the other, of which nobody knows what came: beyond it the token needs connecting. The server may
    /// have taken the refresh token already, and showing it once more could end its family (RFC 9700 section 4.14.2).
    package static let unfinishedTries = 2

    /// - Returns: nil when another process is at it, or was.
    func renew(_ key: GrantKey) async -> Outcome? {
        guard let issuer = entries[key]?.issuer else { return nil }
        let outcome: Outcome
        do throws(TokenError) {
            switch try await store.lease(key, by: holder) {
            case .held:
                entries[key]?.schedule.held(at: surroundings.uptime())
                return nil
            case .taken(let lease):
                guard let ended = try await renew(by: issuer, under: lease) else {
                    entries[key]?.schedule.ended()
                    return nil
                }
                outcome = ended
            }
        } catch {
            // What could not be written is not used.
            outcome = .failure(RenewalFailure(.unavailable, error.message, hint: error.hint))
        }
        note(outcome, of: key)
        return outcome
    }

    private func note(_ outcome: Outcome, of key: GrantKey) {
        guard var entry = entries[key] else { return }
        defer { entries[key] = entry }
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

    private func renew(
        by issuer: any TokenIssuer,
        under lease: GrantLease
    ) async throws(TokenError) -> Outcome? {
        let key = lease.key
        let known = entries[key]
        if let unwritten = known?.unwritten {
            if lease.version == unwritten.after {
                return try await write(unwritten.grant, unwritten.failure, under: lease)
            }
            entries[key]?.unwritten = nil
        }
        // Another process has renewed it since it was found to be due: what is due now, the next reading tells.
        if lease.version > known?.state.version ?? 0 {
            try await store.release(lease, by: holder, why: "")
            return nil
        }
        // A person's renewal begins with what the grant holds: a value that an operator has set for all is nobody's refresh token.
        let seed = issuer.needsSeed && key.owner == nil ? seeds()[key.token]?.secret : nil
        let digest = seed.map { SeedDigest(of: $0) } ?? lease.kept?.seed
        var refresh = seed
        if lease.kept?.seed == digest, case .usable(let grant)? = lease.kept { refresh = grant.refresh ?? seed }
        if issuer.needsSeed {
            guard refresh != nil else {
                let failure = RenewalFailure(.unavailable, "no refresh token is set")
                try await store.release(lease, by: holder, why: failure.message)
                return .failure(failure)
            }
            guard lease.unfinished < Self.unfinishedTries else {
                let why = "\(lease.unfinished) renewals broke off before what came of them was written down"
                let failure = RenewalFailure(.ended, why, hint: Self.remedy(key))
                return try await write(Self.ended(why, digest, lease), failure, under: lease)
            }
        }
        let answer: Result<TokenGrant, RenewalFailure>
        do throws(RenewalFailure) { answer = .success(try await issuer.renew(refresh, seed: digest)) } catch {
            answer = .failure(error)
        }
        switch answer {
        case .success(let grant):
            return try await write(.usable(grant.of(lease.kept?.person)), nil, under: lease)
        case .failure(let failure) where failure.code == .ended:
            return try await write(
                Self.ended(failure.message, digest, lease),
                failure,
                under: lease
            )
        case .failure(let failure):
            try await store.release(lease, by: holder, why: failure.message)
            return .failure(failure)
        }
    }

    private static func ended(_ why: String, _ seed: SeedDigest?, _ lease: GrantLease) -> KeptGrant {
        .needsConnecting(why: why, seed: seed, person: lease.kept?.person)
    }

    private static func remedy(_ key: GrantKey) -> String {
        key.owner == nil ? "gatehouse token set \(key.token)" : "its owner connects it anew"
    }

    /// - Parameter failure: what the grant that needs connecting comes from.
    private func write(
        _ grant: KeptGrant,
        _ failure: RenewalFailure?,
        under lease: GrantLease
    ) async throws(TokenError) -> Outcome {
        let key = lease.key
        entries[key]?.unwritten = Unwritten(grant: grant, failure: failure, after: lease.version)
        let version = try await store.keep(grant, under: lease, by: holder)
        entries[key]?.unwritten = nil
        return failure.map { .failure($0) } ?? .success(version)
    }
}
