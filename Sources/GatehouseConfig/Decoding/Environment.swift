internal import Glibc

/// The environment variables that `${NAME}` reads.
package struct Environment: Sendable, ExpressibleByDictionaryLiteral {
    private let value: @Sendable (String) -> String?

    package init(_ values: [String: String]) { value = { values[$0] } }

    package init(dictionaryLiteral elements: (String, String)...) {
        self.init(Dictionary(elements) { _, last in last })
    }

    private init(value: @escaping @Sendable (String) -> String?) { self.value = value }

    /// The environment of this process, read when asked.
    package static let process = Environment { name in getenv(name).map { String(cString: $0) } }

    package subscript(name: String) -> String? { value(name) }

    /// POSIX names: letters, digits and `_`, not a digit first.
    static func isName(_ text: some StringProtocol) -> Bool {
        guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return text.utf8.allSatisfy { byte in
            byte == 0x5F || (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        }
    }
}
