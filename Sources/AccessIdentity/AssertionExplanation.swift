internal import GatehouseCore

/// A verification laid open: each step in its order with its outcome and a few plain words. For people who look into a
/// refused assertion; it is the verification itself that is observed, not a second one.
///
/// Never holds the signature or the token. Claims appear only once the signature holds, and of those that this module
/// does not use only the names.
public struct AssertionExplanation: Sendable {
    /// The steps, in the order in which they are taken.
    public enum Step: String, Hashable, Sendable, CaseIterable {
        case field, size, parts, encoding, header, algorithm, extensions, key, signature, payload, type, issuer,
            audience
        case expiry, issuedAt = "issued_at", notBefore = "not_before", age, principal, denyLists = "deny_lists"
    }

    public enum Outcome: String, Hashable, Sendable {
        case passed, failed
        /// An earlier step failed.
        case notReached = "not_reached"
    }

    public struct Entry: Hashable, Sendable {
        public let step: Step
        public let outcome: Outcome
        /// Plain words, printable; empty for a step that was not reached.
        public let detail: String
    }

    public struct Claim: Hashable, Sendable {
        public let name: String
        /// The JSON as it is written, printable; nil for a claim that plays no part here.
        public let value: String?
    }

    /// One entry for each ``Step``, in order.
    public let entries: [Entry]
    /// The reason why the assertion is refused; nil when it is verified. Missing keys are reported in `entries`, and as
    /// ``AssertionRejection/keyUnknown`` here.
    public let rejection: AssertionRejection?
    /// The verified assertion; nil when it is refused.
    public let assertion: VerifiedAssertion?
    /// The claims in the order of the payload; empty unless the signature holds.
    public let claims: [Claim]

    /// Verifies an assertion and keeps what each step found.
    ///
    /// - Parameters:
    ///   - token: the assertion alone, without white space around it.
    ///   - policy: what it must satisfy.
    ///   - keys: what its signature may be made with; nil for none.
    ///   - audiences: the audience tags that would be accepted.
    ///   - now: seconds since 1970.
    public init(
        of token: some Collection<UInt8>,
        policy: AccessPolicy,
        keys: SigningKeys?,
        audiences: Set<String>,
        now: Int64
    ) {
        let pipeline = AssertionPipeline(
            policy: policy,
            keys: keys,
            audiences: audiences,
            now: now,
            observer: ExplainingObserver()
        )
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: AssertionVerifier.scratchBytes, alignment: 16)
        defer { scratch.deallocate() }
        let copy = Array(token)
        let outcome: Result<VerifiedAssertion, AssertionStop> = copy.withUnsafeBytes { token in
            do throws(AssertionStop) {
                return .success(VerifiedAssertion(try pipeline.run(token, scratch: scratch)))
            } catch {
                return .failure(error)
            }
        }
        switch outcome {
        case .success(let assertion): (self.assertion, rejection) = (assertion, nil)
        case .failure(.rejected(let rejection)): (assertion, self.rejection) = (nil, rejection)
        case .failure(.unknownKey), .failure(.keysUnavailable): (assertion, rejection) = (nil, .keyUnknown)
        }
        entries = Step.allCases.map { step in
            pipeline.observer.entries[step] ?? Entry(step: step, outcome: .notReached, detail: "")
        }
        claims = pipeline.observer.claims
    }

    /// Text out of a token, fit for a terminal: control characters as `?`, at most 200 characters, in quotes.
    static func printable(_ text: String) -> String {
        let shown = text.unicodeScalars.prefix(200).map { scalar -> Character in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: "?"
            case _: Character(scalar)
            }
        }
        return "\"" + String(shown) + (text.unicodeScalars.count > 200 ? "…\"" : "\"")
    }
}

/// Writes every step down.
final class ExplainingObserver: StepObserver {
    static var listens: Bool { true }
    private(set) var entries: [AssertionExplanation.Step: AssertionExplanation.Entry] = [:]
    private(set) var claims: [AssertionExplanation.Claim] = []

    func passed(_ step: AssertionExplanation.Step, _ detail: @autoclosure () -> String) {
        entries[step] = .init(step: step, outcome: .passed, detail: detail())
    }

    func failed(_ step: AssertionExplanation.Step, _ detail: @autoclosure () -> String) {
        entries[step] = .init(step: step, outcome: .failed, detail: detail())
    }

    func claims(_ payload: UnsafeRawBufferPointer) {
        let used = ["type", "iss", "aud", "exp", "iat", "nbf", "email", "common_name", "sub"]
        // The payload was parsed strictly before, so this scan cannot fail.
        guard var scanner = try? JSONScanner(payload), (try? scanner.beginObject()) != nil else { return }
        while let name = try? scanner.nextMember(), let range = try? scanner.skip() {
            let text = String(decoding: payload[range], as: UTF8.self)
            let value = used.contains(name.text) ? AssertionExplanation.printable(text) : nil
            claims.append(.init(name: name.text, value: value.map { String($0.dropFirst().dropLast()) }))
        }
    }
}
