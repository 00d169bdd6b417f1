/// The host that a route serves: one exact name or address, or any.
package enum HostPattern: Hashable, Sendable, CustomStringConvertible {
    case exact(Host)
    case any

    package init(parsing text: String) throws(InvalidValue) {
        self = text == "*" ? .any : .exact(try Host(parsing: text))
    }

    package var description: String {
        switch self {
        case .exact(let host): host.name
        case .any: "*"
        }
    }
}

/// A host name or address literal without a port, in lower case (RFC 9110 section 4.2.3: hosts compare without case).
package struct Host: Hashable, Sendable, CustomStringConvertible {
    package let name: String

    /// - Throws: ``InvalidValue`` when the text is empty, over 253 bytes, carries a scheme, port or path, or has a byte
    ///   that no host name has.
    package init(parsing text: String) throws(InvalidValue) {
        guard !text.isEmpty else { throw InvalidValue("a host is empty") }
        guard text.utf8.count <= 253 else { throw InvalidValue("a host is longer than 253 bytes") }
        if text.utf8.contains(UInt8(ascii: "/")) {
            throw InvalidValue(
                "a host has no scheme and no path",
                suggestion: "write the name alone, as in mcp.example.com"
            )
        }
        if text.utf8.first == UInt8(ascii: "[") {
            guard text.utf8.last == UInt8(ascii: "]"), text.utf8.count > 2,
                text.utf8.dropFirst().dropLast().allSatisfy({ $0.isHexDigit || $0 == 0x3A || $0 == 0x2E })
            else { throw InvalidValue("'\(text)' is not an IPv6 address in brackets") }
        } else {
            if text.utf8.contains(UInt8(ascii: ":")) {
                throw InvalidValue("a host has no port", suggestion: "leave out the part from ':' on")
            }
            guard
                text.utf8.allSatisfy({ $0.isASCIILetter || $0.isASCIIDigit || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F })
            else { throw InvalidValue("'\(text)' is not a host name") }
            guard text.utf8.first != 0x2E, !text.contains("..") else {
                throw InvalidValue("'\(text)' has an empty label")
            }
        }
        name = text.lowercasedASCII()
    }

    package var description: String { name }
}
