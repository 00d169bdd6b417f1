internal import Crypto
internal import CryptoExtras
internal import GatehouseCore

/// The verification of one assertion: every step in its order, stopping at the first that fails, and nothing of the
/// payload read before the signature holds.
///
/// The observer hears of each step. ``AssertionVerifier`` runs it with one that ignores everything and is compiled away,
/// ``AssertionExplanation`` with one that writes everything down: there is one verification, not two.
struct AssertionPipeline<Observer: StepObserver> {
    let policy: AccessPolicy
    /// Nil while there are none to serve with.
    let keys: SigningKeys?
    let audiences: Set<String>
    /// Seconds since 1970.
    let now: Int64
    let observer: Observer

    /// Takes the steps. `scratch` is room for the decoded parts, ``AssertionVerifier/scratchBytes`` long.
    func run(
        _ token: UnsafeRawBufferPointer,
        scratch: UnsafeMutableRawBufferPointer
    ) throws(AssertionStop) -> VerifiedClaims {
        try require(
            !token.contains(0x2C),
            .field,
            else: .duplicate,
            "one assertion",
            "a comma: several assertions in one field"
        )
        try require(
            token.count <= AssertionVerifier.maximumTokenBytes,
            .size,
            else: .malformed,
            "\(token.count) bytes",
            "\(token.count) bytes, more than \(AssertionVerifier.maximumTokenBytes)"
        )
        let parts = try require(
            AssertionParts(token),
            .parts,
            else: .malformed,
            passed: { _ in "three parts" },
            failed: "not three parts with dots between"
        )
        let decoded = try require(
            parts.decoded(into: scratch),
            .encoding,
            else: .malformed,
            passed: { _ in "strict base64url" },
            failed: "not base64url without padding and with canonical trailing bits"
        )
        let header = try readHeader(decoded.header)
        try require(
            header.algorithm == "RS256",
            .algorithm,
            else: .algorithm,
            "RS256",
            "alg is \(shown(header.algorithm)), only RS256 is taken"
        )
        try require(
            !header.hasExtensions,
            .extensions,
            else: .malformed,
            "neither crit nor b64",
            "the header has crit or b64, which change what the signature means"
        )
        let (keyID, key) = try findKey(header)
        try require(
            parts.isSigned(decoded.signature, by: key),
            .signature,
            else: .signature,
            "the signature holds",
            "the signature does not hold for this key"
        )
        let claims = try readClaims(decoded.payload)
        observer.claims(decoded.payload)
        let attributes = policy.wanted.isNothing ? .none : CallerAttributes(decoded.payload, policy.wanted)
        return try check(claims, attributes, keyID: keyID)
    }

    private func readHeader(_ bytes: UnsafeRawBufferPointer) throws(AssertionStop) -> AssertionHeader {
        do throws(JSONFault) {
            let header = try AssertionHeader(bytes)
            observer.passed(.header, "a JSON object")
            return header
        } catch {
            throw stop(
                .header,
                .rejected(.malformed),
                "not a strict JSON object: \(error.code.rawValue) at byte \(error.offset)"
            )
        }
    }

    private func findKey(_ header: AssertionHeader) throws(AssertionStop) -> (String, SigningKeys.Key) {
        guard let keys, keys.areUsable(at: now) else {
            throw stop(.key, .keysUnavailable, "no signing keys, or too old to be trusted")
        }
        guard let keyID = header.keyID, !keyID.isEmpty, keyID.utf8.count <= SigningKeys.maximumKeyIDBytes else {
            throw stop(.key, .rejected(.keyUnknown), "the header has no usable kid")
        }
        guard let key = keys.keys[keyID] else {
            throw stop(
                .key,
                .unknownKey(keyID),
                "no key has kid \(shown(keyID)); known: \(keys.keyIDs.joined(separator: ", "))"
            )
        }
        observer.passed(.key, "kid \(shown(keyID)) is known")
        return (keyID, key)
    }

    private func readClaims(_ bytes: UnsafeRawBufferPointer) throws(AssertionStop) -> AssertionClaims {
        do throws(JSONFault) {
            let claims = try AssertionClaims(bytes)
            observer.passed(.payload, "a JSON object")
            return claims
        } catch {
            throw stop(
                .payload,
                .rejected(.malformed),
                "not a strict JSON object: \(error.code.rawValue) at byte \(error.offset)"
            )
        }
    }

    private func check(
        _ claims: AssertionClaims,
        _ attributes: CallerAttributes,
        keyID: String
    ) throws(AssertionStop) -> VerifiedClaims {
        try require(
            claims.type.value == "app",
            .type,
            else: .type,
            "app",
            "type is \(shown(claims.type.value)), not app: this token was not issued for signing in to an application"
        )
        try require(
            claims.issuer.value == policy.issuer,
            .issuer,
            else: .issuer,
            policy.issuer,
            "iss is \(shown(claims.issuer.value)), not \(policy.issuer)"
        )
        let named = claims.audiences.value ?? []
        try require(
            named.contains(where: audiences.contains),
            .audience,
            else: .audience,
            "meets \(audiences.count) accepted",
            "aud is \(named.map { shown($0) }.joined(separator: ", ")), none of those accepted here: \(AssertionWords.tags(audiences))"
        )
        let times = try checkTimes(claims)
        let (kind, name) = try require(
            claims.principal,
            .principal,
            else: .malformed,
            passed: { "\($0.0.rawValue) \(shown($0.1))" },
            failed: "not exactly one of email and common_name, as non-empty text without control characters"
        )
        let subject = claims.subject.value ?? ""
        try require(
            policy.denied.list(naming: kind, name, subject: subject, groups: attributes.groups) == nil,
            .denyLists,
            else: .denied,
            "on none",
            "the principal is on a deny list"
        )
        return VerifiedClaims(
            kind: kind,
            name: name,
            subject: subject,
            attributes: attributes,
            audiences: named,
            times: times,
            keyID: keyID
        )
    }

    private func checkTimes(_ claims: AssertionClaims) throws(AssertionStop) -> AssertionTimes {
        let skew = policy.clockSkew
        let notAnInteger = "absent or not an integer"
        let expiresAt = try require(claims.expiresAt.value, .expiry, else: .malformed, failed: notAnInteger)
        var times = AssertionTimes(expiresAt: expiresAt, issuedAt: .min, notBefore: nil)
        try require(
            !times.isExpired(now: now, skew: skew),
            .expiry,
            else: .expired,
            "exp \(AssertionWords.moment(expiresAt, now))",
            "exp \(AssertionWords.moment(expiresAt, now)), is past: it is \(AssertionWords.moment(now)), and \(skew) s are granted"
        )
        let issuedAt = try require(claims.issuedAt.value, .issuedAt, else: .malformed, failed: notAnInteger)
        times = AssertionTimes(expiresAt: expiresAt, issuedAt: issuedAt, notBefore: claims.notBefore.value)
        try require(
            !times.isIssuedInFuture(now: now, skew: skew),
            .issuedAt,
            else: .notYetValid,
            "iat \(AssertionWords.moment(issuedAt, now))",
            "iat \(AssertionWords.moment(issuedAt, now)), is in the future: it is \(AssertionWords.moment(now)), and \(skew) s are granted"
        )
        try require(!claims.notBefore.isInvalid, .notBefore, else: .malformed, nil, "not an integer")
        try require(
            !times.isBeforeStart(now: now, skew: skew),
            .notBefore,
            else: .notYetValid,
            times.notBefore.map { "nbf \(AssertionWords.moment($0, now))" } ?? "absent",
            "nbf \(AssertionWords.moment(times.notBefore ?? 0, now)), is in the future: it is \(AssertionWords.moment(now)), and \(skew) s are granted"
        )
        try require(
            !times.isTooOld(now: now, skew: skew, maximumAge: policy.maximumTokenAge),
            .age,
            else: .tooOld,
            policy.maximumTokenAge.map { "at most \($0) s" } ?? "no ceiling",
            "issued at \(AssertionWords.moment(issuedAt, now)), longer ago than the ceiling"
        )
        return times
    }
}

extension AssertionPipeline {
    /// `passed` is nil where another check of the same step follows.
    @inline(__always)
    private func require(
        _ holds: Bool,
        _ step: AssertionExplanation.Step,
        else rejection: AssertionRejection,
        _ passed: @autoclosure () -> String?,
        _ failed: @autoclosure () -> String
    ) throws(AssertionStop) {
        guard holds else { throw stop(step, .rejected(rejection), failed()) }
        if Observer.listens, let detail = passed() { observer.passed(step, detail) }
    }

    @inline(__always)
    private func require<Value>(
        _ value: Value?,
        _ step: AssertionExplanation.Step,
        else rejection: AssertionRejection,
        passed: (Value) -> String? = { _ in nil },
        failed: @autoclosure () -> String
    ) throws(AssertionStop) -> Value {
        guard let value else { throw stop(step, .rejected(rejection), failed()) }
        if Observer.listens, let detail = passed(value) { observer.passed(step, detail) }
        return value
    }

    @inline(__always)
    private func stop(
        _ step: AssertionExplanation.Step,
        _ stop: AssertionStop,
        _ detail: @autoclosure () -> String
    ) -> AssertionStop {
        if Observer.listens { observer.failed(step, detail()) }
        return stop
    }

    private func shown(_ text: String?) -> String {
        text.map(AssertionExplanation.printable) ?? "absent or not a string"
    }
}

/// Why a verification ended early.
enum AssertionStop: Error {
    case rejected(AssertionRejection)
    case unknownKey(String)
    case keysUnavailable
}

/// Hears of the steps of a verification as they end.
protocol StepObserver {
    /// False compiles the details away.
    static var listens: Bool { get }
    func passed(_ step: AssertionExplanation.Step, _ detail: @autoclosure () -> String)
    func failed(_ step: AssertionExplanation.Step, _ detail: @autoclosure () -> String)
    /// The payload, once its signature holds and it is strict JSON.
    func claims(_ payload: UnsafeRawBufferPointer)
}

/// Ignores everything.
struct NoObserver: StepObserver {
    static var listens: Bool { false }
    func passed(_ step: AssertionExplanation.Step, _ detail: @autoclosure () -> String) {}
    func failed(_ step: AssertionExplanation.Step, _ detail: @autoclosure () -> String) {}
    func claims(_ payload: UnsafeRawBufferPointer) {}
}
