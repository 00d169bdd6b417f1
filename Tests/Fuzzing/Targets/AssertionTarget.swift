import AccessIdentity
import Foundation
import GatehouseCore
import GatehouseTestSupport

/// Assertions, key sets, and what a good key has signed: of all tokens only those that the issuer minted are verified, and a signed one only with the
/// claims that another reader finds in it.
enum AssertionTarget {
    private static let issuer = TestIssuer()
    private static let now = TestIssuer.defaultNow
    private static let minted = [issuer.user(), issuer.service()].map { Array($0.utf8) }
    private static let claims = Array(minted[0].split(separator: UInt8(ascii: "."))[1]).withUnsafeBytes {
        Base64URL.decode($0) ?? []
    }
    // Used by one test or one fuzzer alone.
    private nonisolated(unsafe) static let verifier = AssertionVerifier(
        policy: AccessPolicy(issuer: issuer.issuer),
        keys: given { try SigningKeys(jwkSet: issuer.jwkSet) }
    )

    static func check(_ input: [UInt8]) throws(Finding) -> Bool {
        var choices = Choices(input)
        switch choices.number(4) {
        case 0: return try token(Array(choices.rest))
        case 1:
            var token = choices.one(minted)
            choices.edit(&token)
            return try Self.token(token)
        case 2: return try signed(&choices)
        case _: return try keys(Array(choices.rest))
        }
    }

    private static func token(_ token: [UInt8]) throws(Finding) -> Bool {
        let verdict = token.withUnsafeBytes { verifier.verify($0, audiences: [issuer.audience], now: now) }
        guard case .verified = verdict else {
            try hold(!minted.contains(token), "a minted token is refused")
            return false
        }
        try hold(minted.contains(token), "a token is verified that nobody minted: \(text(token))")
        return true
    }

    private static func signed(_ choices: inout Choices) throws(Finding) -> Bool {
        var header = Array(issuer.header.utf8)
        var payload = claims
        if choices.number(4) == 1 { choices.edit(&header) }
        if choices.chance() {
            payload = Array(choices.rest)
        } else {
            choices.edit(&payload)
        }
        let token = Array(issuer.mint(header: header, payload: payload).utf8)
        let verdict = token.withUnsafeBytes { verifier.verify($0, audiences: [issuer.audience], now: now) }
        guard case .verified(let assertion) = verdict else { return false }
        guard let read = try? JSONSerialization.jsonObject(with: Data(payload)) as? [String: Any] else {
            throw Finding("another reader finds no claims in \(text(payload))")
        }
        let audiences = read["aud"] as? [String] ?? [read["aud"] as? String ?? ""]
        try hold(read["iss"] as? String == issuer.issuer, "another issuer: \(text(payload))")
        try hold(audiences.contains(issuer.audience), "another audience: \(text(payload))")
        try hold(read["type"] as? String == "app", "another type: \(text(payload))")
        try hold((read["exp"] as? Double ?? 0) > Double(now) - 60, "expired: \(text(payload))")
        let names = [read["email"], read["common_name"]].map { ($0 as? String ?? "").lowercased() }
        try hold(names.contains(assertion.name.lowercased()), "\(assertion.name) is another name: \(text(payload))")
        return true
    }

    /// With a set that says anything, no token is verified but by the key that minted it.
    private static func keys(_ set: [UInt8]) throws(Finding) -> Bool {
        guard let keys = try? SigningKeys(jwkSet: set) else { return false }
        let verifier = AssertionVerifier(policy: AccessPolicy(issuer: issuer.issuer), keys: keys)
        let verdict = minted[0].withUnsafeBytes { verifier.verify($0, audiences: [issuer.audience], now: now) }
        guard case .verified = verdict else { return true }
        throw Finding("a set without the key verifies: \(text(set))")
    }
}
