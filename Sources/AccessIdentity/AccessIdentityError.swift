/// An error about keys: a bad URL, a key set that cannot be fetched or read, a key file that cannot be used.
///
/// A failed verification is no error but an ``AssertionRejection``.
public struct AccessIdentityError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable {
        /// The URL of the key set is not `https`, or not a URL.
        case invalidURL
        /// The key set could not be fetched.
        case fetchFailed
        /// The key set is larger than ``SigningKeySource/maximumResponseBytes``.
        case keySetTooLarge
        /// The key set is not a JSON object with an array `keys`.
        case keySetMalformed
        /// The key set has no usable key.
        case keySetEmpty
        /// The file of last-good keys could not be written, or what is there cannot be trusted or read.
        case fileUnusable
    }

    /// The party that has to act on an error.
    public enum Source: String, Hashable, Sendable {
        /// The issuer, or the way to it.
        case upstream
        /// This process, its configuration or its disk.
        case local
    }

    public let code: Code
    /// Plain words for an operator. Holds no token and no key.
    public let message: String
    public let underlying: (any Error)?

    public init(_ code: Code, _ message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }

    public var source: Source {
        switch code {
        case .fetchFailed, .keySetTooLarge, .keySetMalformed, .keySetEmpty: .upstream
        case .invalidURL, .fileUnusable: .local
        }
    }

    public var description: String {
        underlying.map { "\(message): \(String(describing: $0))" } ?? message
    }
}
