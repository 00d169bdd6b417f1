package import GatehouseCore

/// The claims of a payload whose signature holds, read in one pass and not judged yet.
package struct AssertionClaims {
    /// Members of the payload or of an object in it, at most.
    static let maximumMembers = 256
    /// Objects and arrays inside each other, at most.
    static let maximumDepth = 16

    /// A claim that is absent, of another type than it must be, or read.
    enum Claim<Value> {
        case absent
        case invalid
        case present(Value)

        var value: Value? {
            if case .present(let value) = self { value } else { nil }
        }
        var isAbsent: Bool {
            if case .absent = self { true } else { false }
        }
        var isInvalid: Bool {
            if case .invalid = self { true } else { false }
        }
    }

    private(set) var type: Claim<String> = .absent
    private(set) var issuer: Claim<String> = .absent
    private(set) var audiences: Claim<[String]> = .absent
    private(set) var expiresAt: Claim<Int64> = .absent
    private(set) var issuedAt: Claim<Int64> = .absent
    private(set) var notBefore: Claim<Int64> = .absent
    /// Texts with control characters are invalid, because these texts end up in header fields and log lines.
    private(set) var email: Claim<String> = .absent
    private(set) var commonName: Claim<String> = .absent
    private(set) var subject: Claim<String> = .absent

    package init(_ bytes: UnsafeRawBufferPointer) throws(JSONFault) {
        var scanner = try JSONScanner(bytes, depthLimit: Self.maximumDepth)
        var names = JSONNames(limit: Self.maximumMembers)
        try scanner.beginObject()
        while let name = try scanner.nextMember(unique: &names) {
            if name == "type" {
                type = try Self.text(&scanner)
            } else if name == "iss" {
                issuer = try Self.text(&scanner)
            } else if name == "aud" {
                audiences = try Self.texts(&scanner)
            } else if name == "exp" {
                expiresAt = try Self.integer(&scanner)
            } else if name == "iat" {
                issuedAt = try Self.integer(&scanner)
            } else if name == "nbf" {
                notBefore = try Self.integer(&scanner)
            } else if name == "email" {
                email = try Self.line(&scanner)
            } else if name == "common_name" {
                commonName = try Self.line(&scanner)
            } else if name == "sub" {
                subject = try Self.line(&scanner)
            } else {
                try scanner.skipUnique(limit: Self.maximumMembers)
            }
        }
        try scanner.finish()
    }

    /// The one principal: `email` or `common_name`, exactly one of them there, not empty, and a `sub` that is text if it
    /// is there. `sub` alone identifies no principal: all service tokens share an empty one.
    package var principal: (VerifiedAssertion.Kind, String)? {
        if subject.isInvalid { return nil }
        if commonName.isAbsent, let name = email.value, !name.isEmpty { return (.user, name) }
        if email.isAbsent, let name = commonName.value, !name.isEmpty { return (.service, name) }
        return nil
    }

    private static func text(_ scanner: inout JSONScanner) throws(JSONFault) -> Claim<String> {
        guard scanner.next == .string else { return try invalid(&scanner) }
        return .present(try scanner.string().text)
    }

    private static func line(_ scanner: inout JSONScanner) throws(JSONFault) -> Claim<String> {
        guard scanner.next == .string else { return try invalid(&scanner) }
        let string = try scanner.string()
        return string.hasControlCharacters ? .invalid : .present(string.text)
    }

    private static func integer(_ scanner: inout JSONScanner) throws(JSONFault) -> Claim<Int64> {
        guard scanner.next == .number else { return try invalid(&scanner) }
        return try scanner.number().integer.map { .present($0) } ?? .invalid
    }

    /// A string, or an array of strings (RFC 7519 section 4.1.3).
    private static func texts(_ scanner: inout JSONScanner) throws(JSONFault) -> Claim<[String]> {
        if scanner.next == .string { return .present([try scanner.string().text]) }
        guard scanner.next == .array else { return try invalid(&scanner) }
        var texts: [String] = []
        var isValid = true
        try scanner.beginArray()
        while try scanner.nextElement() {
            if scanner.next == .string {
                texts.append(try scanner.string().text)
            } else {
                isValid = false
                try scanner.skipUnique(limit: maximumMembers)
            }
        }
        return isValid ? .present(texts) : .invalid
    }

    private static func invalid<Value>(_ scanner: inout JSONScanner) throws(JSONFault) -> Claim<Value> {
        try scanner.skipUnique(limit: maximumMembers)
        return .invalid
    }
}
