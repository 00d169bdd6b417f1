/// Why Gatehouse could not start or do what a command asked.
package struct GatehouseError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// The configuration asks for something that this build cannot do.
        case unsupported
        /// A key, token or file that the configuration names cannot be used.
        case unusable
        /// A listener could not be bound.
        case listener
    }

    package let code: Code
    package let message: String
    package let hint: String?
    package let underlying: (any Error)?

    package init(_ code: Code, _ message: String, hint: String? = nil, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.underlying = underlying
    }

    package var description: String { message }
}
