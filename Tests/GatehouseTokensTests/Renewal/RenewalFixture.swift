import GatehouseCore
import Synchronization

@testable import GatehouseTokens

/// A clock that moves when told, whose wall can be set, and an issuer that answers as told.
final class RenewalFixture: Sendable {
    /// The requests to an issuer, in order: the refresh token that was shown.
    final class Issuer: TokenIssuer {
        let needsSeed: Bool
        let clock: RenewalFixture
        private let script = Mutex<(answers: [Answer], asked: [String])>(([], []))

        enum Answer: Sendable {
            case grant(String, refresh: String? = nil, lifetime: Int64? = 3600)
            case failure(RenewalFailure)
        }

        init(needsSeed: Bool, clock: RenewalFixture) {
            self.needsSeed = needsSeed
            self.clock = clock
        }

        var asked: [String] { script.withLock { $0.asked } }

        /// The last answer is given again.
        func answer(_ answers: Answer...) { script.withLock { $0.answers = answers } }

        func renew(_ refresh: Secret?, seed: SeedDigest?) async throws(RenewalFailure) -> TokenGrant {
            let answer = script.withLock { script -> Answer in
                script.asked.append(refresh?.text ?? "")
                guard let first = script.answers.first else {
                    return .failure(RenewalFailure(.unavailable, "no answer"))
                }
                if script.answers.count > 1 { script.answers.removeFirst() }
                return first
            }
            switch answer {
            case .failure(let failure): throw failure
            case .grant(let access, let refresh, let lifetime):
                return TokenGrant(
                    access: Secret(access),
                    refresh: refresh.map { Secret($0) },
                    issuedAt: clock.now(),
                    expiresAt: lifetime.map { clock.now() + .seconds($0) },
                    seed: seed
                )
            }
        }
    }

    private let time = Mutex((uptime: Duration.zero, wall: Timestamp(seconds: 1_764_000_000)))
    private let seedValues = Mutex<[TokenName: TokenValue]>([:])
    private let handed = Mutex<[[String: String]]>([])

    var uptime: Duration { time.withLock { $0.uptime } }
    var handedOn: [[String: String]] { handed.withLock { $0 } }

    func advance(_ duration: Duration) {
        time.withLock { time in
            time.uptime += duration
            time.wall = time.wall + duration
        }
    }

    /// Somebody sets the wall clock.
    func jump(_ duration: Duration) { time.withLock { $0.wall = $0.wall + duration } }

    func seed(_ name: TokenName, _ value: String?) throws {
        let value = try value.map { try TokenValue(validating: Secret($0), version: 1) }
        seedValues.withLock { $0[name] = value }
    }

    /// - Parameter rounds: false for one whose rounds never come: time passes to where it sets its alarm.
    func renewer(
        _ tokens: [TokenName: Issuer],
        store: SealedTokenStore,
        holder: String = "one",
        personal: [PersonalToken] = [],
        rounds: Bool = true,
        _ onOutcome: @escaping @Sendable (GrantKey, TokenRenewer.Outcome) -> Void = { _, _ in }
    ) -> TokenRenewer {
        TokenRenewer(
            tokens.map { RenewedToken($0.key, by: $0.value) },
            personal: personal,
            store: store,
            holder: holder,
            seeds: { self.seedValues.withLock { $0 } },
            surroundings: TokenRefresher.Surroundings(
                wall: self,
                uptime: { self.uptime },
                sleep: { duration in
                    if rounds || duration == TokenRenewer.interval { try await Task.sleep(for: .seconds(3600)) }
                    self.advance(duration)
                },
                jitter: { 0.5 }
            ),
            TokenRenewer.Listeners(
                onChange: { tokens in
                    let texts = tokens.map { ($0.key.text, $0.value.secret.text) }
                    self.handed.withLock { $0.append(Dictionary(uniqueKeysWithValues: texts)) }
                },
                onOutcome: onOutcome
            )
        )
    }
}

extension RenewalFixture: WallClock {
    func now() -> Timestamp { time.withLock { $0.wall } }
}

extension RenewalFailure {
    static let away = RenewalFailure(.unavailable, "the token endpoint does not answer")
    static let revoked = RenewalFailure(.ended, "the server answers 400 invalid_grant", hint: "connect it anew")
}
