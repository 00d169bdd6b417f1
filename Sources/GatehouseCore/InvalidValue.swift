/// A raw value that does not make the type asked for. The message is written for the operator who typed the value and
/// never repeats a secret.
package struct InvalidValue: Error, Hashable, Sendable, CustomStringConvertible {
    package let message: String
    /// A value that could be written instead, when a similar valid one is known.
    package let suggestion: String?

    package init(_ message: String, suggestion: String? = nil) {
        self.message = message
        self.suggestion = suggestion
    }

    package var description: String { message }
}
