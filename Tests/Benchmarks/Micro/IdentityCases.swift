import AccessIdentity

let identityCases = [
    MicroCase("claims") { count in
        for _ in 0..<count {
            let claims = try Samples.claims.withUnsafeBytes { try AssertionClaims($0) }
            try check(claims.principal?.1 == "ops@example.com")
        }
    },
    // An assertion whose verdict is known, as that of every request but the first.
    MicroCase("verdict") { count in
        let verifier = AssertionVerifier(
            policy: AccessPolicy(issuer: Samples.issuer),
            keys: try SigningKeys(jwkSet: Samples.keys)
        )
        let audiences: Set = [Samples.audience]
        for _ in 0...count {
            let verdict = Samples.assertion.withUnsafeBytes {
                verifier.verify($0, audiences: audiences, now: Samples.now)
            }
            guard case .verified(let assertion) = verdict else { throw Failure() }
            try check(assertion.kind == .user)
        }
    },
]
