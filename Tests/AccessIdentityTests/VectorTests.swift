import AccessIdentity
import Foundation
import GatehouseCore
import GatehouseTestSupport
import Testing

/// Project Wycheproof's vectors. Their payloads are no claims, so what is judged here is everything up to the signature:
/// a vector is accepted when the signature step passes.
@Suite struct VectorTests {
    /// Vectors marked valid that are refused, each with the reason.
    static let refusedSignatures: [Int: String] = [
        1: hmac, 348: hmac, 352: hmac, 357: hmac, 358: hmac, 359: hmac, 376: hmac, 377: hmac,
        18: otherAlgorithm, 347: otherAlgorithm, 351: otherAlgorithm, 378: otherAlgorithm,
        264: otherAlgorithm, 265: otherAlgorithm, 266: otherAlgorithm, 267: otherAlgorithm,
        268: otherAlgorithm, 269: otherAlgorithm, 270: otherAlgorithm, 271: otherAlgorithm,
        272: otherAlgorithm, 273: otherAlgorithm, 274: otherAlgorithm, 275: otherAlgorithm, 287: otherAlgorithm,
        288: otherAlgorithm, 320: otherAlgorithm, 321: otherAlgorithm, 322: otherAlgorithm, 323: otherAlgorithm,
        325: otherAlgorithm, 326: otherAlgorithm, 327: otherAlgorithm, 328: otherAlgorithm, 346: otherAlgorithm,
        350: otherAlgorithm,
        372: "a ? in the header is no base64url; the file marks it valid for decoders that pass over it",
        373: "a ? in the payload is no base64url; the file marks it valid for decoders that pass over it",
    ]
    /// The same for the vectors of key sets.
    static let refusedKeySets: [Int: String] = [2: hmac, 13: hmac, 14: hmac, 15: hmac]
    /// Vectors that differ in nothing from a valid one once re-signed: the padding they are about is not in the file.
    /// `EnvelopeTests` refuses padding.
    static let unpadded: [Int: String] = [
        367: "byte for byte vector 357, which is valid", 370: "byte for byte vector 357, which is valid",
    ]
    private static let hmac = "an HMAC: only RS256 is taken. Re-signed below where its form matters"
    private static let otherAlgorithm = "another algorithm: only RS256 is taken"

    struct Vector: Sendable, CustomTestStringConvertible {
        let id: Int
        let isValid: Bool
        let comment: String
        let token: String
        let keySet: [UInt8]
        var testDescription: String { "\(id) \(comment)" }
    }

    static let signatures = load("json_web_signature_test", member: "jws")
    static let keySets = load("json_web_key_test", member: "jws")

    static func load(_ file: String, member: String) -> [Vector] {
        let url = Bundle.module.url(forResource: file, withExtension: "json", subdirectory: "Vectors")!
        let document = try! JSONSerialization.jsonObject(with: Data(contentsOf: url)) as! [String: Any]
        return (document["testGroups"] as! [[String: Any]]).flatMap { group in
            let written = (group["public"] ?? group["private"]) as! [String: Any]
            let set = written["keys"] == nil ? ["keys": [written]] : written
            let bytes = Array(try! JSONSerialization.data(withJSONObject: set))
            return (group["tests"] as! [[String: Any]]).map { test in
                Vector(
                    id: test["tcId"] as! Int,
                    isValid: test["result"] as! String == "valid",
                    comment: test["comment"] as! String,
                    token: test[member] as! String,
                    keySet: bytes
                )
            }
        }
    }

    private func isAccepted(_ token: String, keySet: [UInt8]) throws -> Bool {
        let explanation = AssertionExplanation(
            of: token.utf8,
            policy: AccessPolicy(issuer: "https://example.com"),
            keys: try SigningKeys(jwkSet: keySet),
            audiences: [],
            now: 0
        )
        return explanation.entries.first { $0.step == .signature }?.outcome == .passed
    }

    @Test func `the files are whole`() {
        #expect(Self.signatures.map(\.id) == Array(1...401))
        #expect(Self.keySets.map(\.id) == Array(1...26))
        for (id, _) in Self.refusedSignatures { #expect(Self.signatures[id - 1].isValid) }
        for (id, _) in Self.refusedKeySets { #expect(Self.keySets[id - 1].isValid) }
    }

    @Test(arguments: signatures)
    func `the verifier judges the signature vectors`(_ vector: Vector) throws {
        let isExpected = vector.isValid && Self.refusedSignatures[vector.id] == nil
        #expect(try isAccepted(vector.token, keySet: vector.keySet) == isExpected)
    }

    @Test(arguments: keySets)
    func `the verifier judges the key set vectors`(_ vector: Vector) throws {
        let isExpected = vector.isValid && Self.refusedKeySets[vector.id] == nil
        #expect(try isAccepted(vector.token, keySet: vector.keySet) == isExpected)
    }

    /// The HMAC vectors in the same form, but with an RS256 header and signature: what they say about parts and encoding.
    @Test(arguments: signatures.filter { (1...17).contains($0.id) || (357...377).contains($0.id) })
    func `the verifier judges the vectors that are signed anew`(_ vector: Vector) throws {
        let token = resigned(vector)
        let deviates = Self.refusedSignatures[vector.id].map { !$0.contains("HMAC") } ?? false
        let isExpected = vector.isValid && !deviates || Self.unpadded[vector.id] != nil
        #expect(try isAccepted(token, keySet: TestIssuer.jwkSet([key])) == isExpected)
    }

    private let key = TestIssuer.Key(TestIssuer.firstKey, id: "hs256-key")

    /// Takes over what is odd about each part of a vector: characters put in or replaced, a part changed or missing.
    private func resigned(_ vector: Vector) -> String {
        if (1...17).contains(vector.id) { return resignedFirstGroup(vector) }
        let parts = vector.token.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3 else { return vector.token }
        let cleanHeader = parts[0].filter(isAlphabet)
        let decoded = Array(cleanHeader.utf8).withUnsafeBytes { Base64URL.decode($0)! }
        let text = String(decoding: decoded, as: UTF8.self).replacing("HS256", with: "RS256")
        let header = retouched(Base64URL.encode(text), as: parts[0])
        let signed = header + "." + parts[1]
        var signature = Base64URL.encode(key.signature(over: Array(signed.utf8)))
        if parts[2].count == 43 {
            // The vector has characters replaced, not put in.
            let odd = parts[2].prefix { !isAlphabet($0) }
            signature = String(odd) + signature.dropFirst(odd.count)
        } else {
            signature = retouched(signature, as: parts[2])
        }
        return signed + "." + signature
    }

    /// `clean` with the characters outside the alphabet where `original` has them: in front, behind, or so far from the end.
    private func retouched(_ clean: String, as original: String) -> String {
        guard let first = original.firstIndex(where: { !isAlphabet($0) }) else { return clean }
        let odd = String(original.filter { !isAlphabet($0) })
        if first == original.startIndex { return odd + clean }
        let behind = original.distance(from: original.index(first, offsetBy: odd.count), to: original.endIndex)
        return clean.dropLast(behind) + odd + clean.suffix(behind)
    }

    private func resignedFirstGroup(_ vector: Vector) -> String {
        let header = Base64URL.encode(#"{"alg":"RS256","kid":"hs256-key"}"#)
        let signature = Base64URL.encode(key.signature(over: Array((header + ".Zm9v").utf8)))
        let other = (signature.first == "X" ? "Y" : "X") + signature.dropFirst()
        return vector.token
            .replacing("eyJhbGciOiJIUzI1NiIsImtpZCI6ImtpZC1hZXMtc2lnbiJ9", with: header)
            .replacing(
                "eyJhbGciOiJIUzI1NiIsImtpZCI6IlhpZC1hZXMtc2lnbiJ9",
                with: Base64URL.encode(#"{"alg":"RS256","kid":"Xs256-key"}"#)
            )
            .replacing("TD37p4c_0jmreSrBSDmE0F3mYSPtkZ3WrSyI5wb_KTg", with: signature)
            .replacing("XD37p4c_0jmreSrBSDmE0F3mYSPtkZ3WrSyI5wb_KTg", with: other)
    }

    private func isAlphabet(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber) || character == "-" || character == "_"
    }
}
