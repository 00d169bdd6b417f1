@testable import CurlClient
import Foundation
import GatehouseCore
@testable import GatehouseTokens

/// What authorization servers and browsers say: it is read as another reader reads it, or not at all, and an address that is taken is one that may
/// be asked.
enum OAuthTarget {
    private static let issuer = given { try WebURL(parsing: "https://idp.example/tenant") }

    static func check(_ input: [UInt8]) throws(Finding) -> Bool {
        var choices = Choices(input)
        let kind = choices.number(6)
        let bytes = Array(choices.rest)
        switch kind {
        case 0: return try token(bytes)
        case 1: return try server(bytes)
        case 2: return try registration(bytes)
        case 3: return try fields(bytes)
        case 4: return try json(bytes)
        case _: return AccountName.named(byToken: "e30." + Base64URL.encode(bytes) + ".x") != nil
        }
    }

    private static func object(_ bytes: [UInt8]) -> [String: Any]? {
        try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
    }

    private static func token(_ bytes: [UInt8]) throws(Finding) -> Bool {
        guard let answer = TokenAnswer(CurlBody(bytes)) else { return false }
        guard let other = object(bytes) else { return true }
        let access = [other["access_token"], other["token"]].lazy.compactMap { $0 as? String }.first { !$0.isEmpty }
        try hold(isSame(answer.access, access), "another access token: \(text(bytes))")
        try hold(isSame(answer.refresh, other["refresh_token"] as? String), "another refresh token: \(text(bytes))")
        if let seconds = answer.expiresIn {
            try hold((1...TokenAnswer.longestLifetime).contains(seconds), "a lifetime of \(seconds)")
        }
        let now = Timestamp(seconds: 1_764_000_000)
        guard let grant = try? answer.grant(after: nil, seed: nil, sentAt: now) else { return true }
        try hold(grant.expiresAt.map { $0 > now } ?? true, "a grant has ended before it began")
        let sendable = grant.access.withUnsafeBytes { bytes in
            bytes.allSatisfy { (0x20..<0x7F).contains($0) } && bytes.first != 0x20 && bytes.last != 0x20
        }
        try hold(sendable, "an access token that no header carries: \(text(bytes))")
        guard let kept = KeptGrant(payload: KeptGrant.usable(grant).payload), case .usable(let same) = kept else {
            throw Finding("a grant is not read that was written")
        }
        try hold(same.access == grant.access && same.expiresAt == grant.expiresAt, "a grant is kept as another")
        return true
    }

    private static func isSame(_ secret: Secret?, _ other: String?) -> Bool {
        guard let other, !other.isEmpty else { return secret == nil }
        // Half a surrogate pair is not the same for all readers.
        return secret == Secret(other) || other.contains("\u{FFFD}")
    }

    private static func server(_ bytes: [UInt8]) throws(Finding) -> Bool {
        let reach = IssuerReach.discovered(naming: ["mcp.example"])
        guard
            let server = try? AuthorizationServer(CurlBody(bytes), of: issuer, for: "https://mcp.example/mcp", reach)
        else { return false }
        guard let other = object(bytes) else { return true }
        try hold(other["issuer"] as? String == server.issuer, "another issuer: \(text(bytes))")
        let endpoints = [
            ("authorization_endpoint", server.authorization), ("token_endpoint", server.token),
            ("registration_endpoint", server.registration), ("revocation_endpoint", server.revocation),
            ("userinfo_endpoint", server.userinfo),
        ]
        for (name, url) in endpoints {
            guard let url else { continue }
            try hold(url.isSecure || url.host == "mcp.example", "an address that may not be named: \(url.text)")
            guard let parts = URLComponents(string: url.text), !url.host.contains(":") else { continue }
            try hold(parts.user == nil && parts.fragment == nil, "more than an address: \(url.text)")
            try hold(
                parts.scheme?.lowercased() == (url.isSecure ? "https" : "http")
                    && parts.host?.lowercased() == url.host.lowercased(),
                "\(name) leads to \(parts.host ?? "") and not to \(url.host): \(url.text)"
            )
        }
        return true
    }

    private static func registration(_ bytes: [UInt8]) throws(Finding) -> Bool {
        guard let answer = try? RegistrationAnswer(CurlBody(bytes)),
            let client = try? answer.client(of: issuer.text, wanting: .basic, ["https://gate.example/callback"])
        else { return false }
        guard let other = object(bytes) else { return true }
        try hold(other["client_id"] as? String == client.id, "another client: \(text(bytes))")
        if client.authentication != .none {
            try hold(isSame(client.secret, other["client_secret"] as? String), "another secret: \(text(bytes))")
        }
        let kept = KeptGrant.client(client)
        guard let again = KeptGrant(payload: kept.payload) else {
            throw Finding("a client is not read that was written")
        }
        try hold(again.payload == kept.payload, "a client is kept as another")
        return true
    }

    /// Held against a reader that decodes first and looks later.
    private static func fields(_ bytes: [UInt8]) throws(Finding) -> Bool {
        guard let fields = FormFields(bytes) else { return false }
        var known: [String: String?] = [:]
        // By scalars: an accent makes one character with the & before it.
        for part in text(bytes).unicodeScalars.split(separator: "&") where text(bytes).utf8.elementsEqual(bytes) {
            let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let decoded = halves.map { Self.decoded($0) }
            guard let name = decoded.first ?? nil else { continue }
            try hold(known[name] == nil, "\(name) is there twice: \(text(bytes))")
            known[name] = decoded.count > 1 ? decoded[1] : ""
        }
        for (name, value) in known {
            try hold(fields[name] == value, "\(name) is another: \(text(bytes))")
            if let value { try hold(fields.secret(name) == Secret(value), "\(name) is another secret: \(text(bytes))") }
        }
        guard let answer = AuthorizationAnswer(fields) else { return false }
        try hold(answer.state == fields["state"], "another state: \(text(bytes))")
        return true
    }

    private static func decoded(_ text: Substring.UnicodeScalarView) -> String? {
        var bytes = Data()
        let spaced = text.map { $0 == "+" ? " " : $0 }
        for (place, part) in spaced.split(separator: "%", omittingEmptySubsequences: false).enumerated() {
            var part = part[...]
            if place > 0 {
                guard let byte = UInt8(string(part.prefix(2)), radix: 16) else { return nil }
                bytes.append(byte)
                part = part.dropFirst(2)
            }
            bytes.append(contentsOf: string(part).utf8)
        }
        return String(data: bytes, encoding: .utf8)
    }

    private static func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
        scalars.reduce(into: "") { $0.unicodeScalars.append($1) }
    }

    private static func json(_ bytes: [UInt8]) throws(Finding) -> Bool {
        guard let value = JSONValue(parsing: bytes) else { return false }
        var written = JSONText()
        written.value(nil, value)
        try hold(JSONValue(parsing: written.bytes) == value, "a document is written as another: \(text(bytes))")
        guard let other = try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed) else {
            return true
        }
        try hold(isSame(value, other), "another document: \(text(bytes))")
        return true
    }

    private static func isSame(_ value: JSONValue, _ other: Any) -> Bool {
        switch value {
        case .object(let members):
            guard let other = other as? [String: Any], other.count == members.count else { return false }
            return members.allSatisfy { member in other[member.name].map { isSame(member.value, $0) } ?? false }
        case .array(let elements):
            guard let other = other as? [Any], other.count == elements.count else { return false }
            return zip(elements, other).allSatisfy { isSame($0, $1) }
        case .string(let text): return other as? String == text
        case .number(let text):
            // Foundation's reader rounds the last digit of a long number in a way of its own.
            guard let number = (other as? NSNumber)?.doubleValue, let value = Double(text) else { return false }
            return abs(number - value) <= abs(value) * 1e-14
        case .bool(let isTrue): return other as? Bool == isTrue
        case .null: return other is NSNull
        }
    }
}
