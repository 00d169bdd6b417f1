internal import Crypto
internal import GatehouseCore

/// The address to which somebody's browser is sent to give consent (RFC 6749 section 4.1.1): with a challenge for the code (RFC 7636), always.
package struct AuthorizationRequest {
    /// The place below the page's to which the browser comes back.
    package static let callback = "callback"

    let server: AuthorizationServer
    let clientID: String
    let redirect: String
    let scopes: [String]
    let state: String
    let verifier: CodeVerifier

    var url: String {
        var fields: [(String, String)] = [
            ("response_type", "code"), ("client_id", clientID), ("redirect_uri", redirect), ("state", state),
            ("code_challenge", verifier.challenge), ("code_challenge_method", "S256"),
        ]
        if !scopes.isEmpty { fields.append(("scope", scopes.joined(separator: " "))) }
        if let resource = server.resource { fields.append(("resource", resource)) }
        var bytes = Array(server.authorization.text.utf8)
        for (index, (name, value)) in fields.enumerated() {
            // Section 3.1: the address may have a query of its own.
            let isFirst = index == 0 && !server.authorization.target.contains("?")
            bytes.append(isFirst ? UInt8(ascii: "?") : UInt8(ascii: "&"))
            bytes += name.utf8
            bytes.append(UInt8(ascii: "="))
            FormBody.encode(value.utf8) { bytes.append($0) }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The proof that who shows a code is who asked for it (RFC 7636 section 4.1): 32 random bytes in base64url.
struct CodeVerifier: Sendable, Equatable {
    let text: String

    init() {
        var generator = SystemRandomNumberGenerator()
        text = Base64URL.encode((0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }

    init(text: String) { self.text = text }

    var challenge: String { Base64URL.encode(Array(SHA256.hash(data: Array(text.utf8)))) }
}
