/// A value that a store keeps whole, for all instances: sealed, versioned, and changed by one writer at a time.
package protocol KeptBook: Sendable, Equatable {
    /// Bytes of the longest one.
    static var maximumLength: Int { get }

    /// The book before anybody has written to it.
    init()

    var encoded: [UInt8] { get }

    /// Nil for what ``encoded`` does not give.
    init?(decoding bytes: UnsafeRawBufferPointer)
}
