/// The way in which a client proves to an authorization server that it is itself (RFC 6749 section 2.3).
package enum ClientAuthentication: String, Sendable, CaseIterable {
    /// By HTTP Basic, which every server has to know.
    case basic
    /// In the body.
    case post
    /// Not at all: a public client.
    case none
}
