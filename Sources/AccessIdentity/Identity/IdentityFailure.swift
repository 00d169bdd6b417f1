/// Why there is no identity of a person.
package enum IdentityFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The endpoint does not take the assertion: the session behind it has ended.
    case rejected(status: Int)
    /// The answer is not about the person of the assertion.
    case otherPerson
    /// The endpoint cannot be asked, or its answer is none.
    case unavailable(String)
    /// Too many are asked for already.
    case overloaded

    /// Whether the endpoint has spoken against the assertion: nothing that was known before holds any longer.
    package var isRefusal: Bool {
        switch self {
        case .rejected, .otherPerson: true
        case .unavailable, .overloaded: false
        }
    }

    /// Plain words for an operator, without anything of the answer or the person.
    package var description: String {
        switch self {
        case .rejected(let status): "the identity endpoint answers \(status) to an assertion"
        case .otherPerson: "the identity endpoint answers about another person than the assertion's"
        case .unavailable(let words): words
        case .overloaded: "too many identities are being fetched"
        }
    }
}
