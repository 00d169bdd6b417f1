internal import Crypto
package import GatehouseCore

/// One sign-in of one person: whose identity is asked for, and what it is kept by.
///
/// The person alone would not do: whoever signs in through a provider that knows no groups must not get those of a session through another one.
package struct SignIn: Hashable, Sendable {
    /// The claim of an assertion by which Access itself finds the identity of a session: the same in the assertions for all its applications.
    package static let nonceClaim = "identity_nonce"

    /// The person, by address and `sub`: the bounds on fetches hold for each.
    package struct Person: Hashable, Sendable {
        /// In the form under which addresses are compared.
        package let email: String
        package let subject: String

        package init(_ principal: Principal) {
            email = principal.identity
            subject = principal.subject
        }
    }

    private enum Session: Hashable, Sendable {
        case nonce(String)
        case assertion([UInt8])
    }

    package let person: Person
    private let session: Session

    /// - Parameters:
    ///   - nonce: the assertion's `identity_nonce`. Without one each assertion counts as a sign-in of its own.
    ///   - assertion: the whole of it.
    package init(_ principal: Principal, nonce: String?, _ assertion: UnsafeRawBufferPointer) {
        person = Person(principal)
        session = nonce.map { .nonce($0) } ?? .assertion(Array(SHA256.hash(data: assertion)))
    }
}
