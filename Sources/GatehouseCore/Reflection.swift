/// The treatment of an answer in which an upstream gives back a secret that Gatehouse injects: one that echoes headers, shows them on an error page, or
/// tells them to a tool that asks.
package enum Reflection: String, Sendable {
    /// The secret is replaced, and the answer goes on.
    case redact
    /// The answer is refused, or cut if it has begun.
    case block
    /// Answers are not looked at.
    case off

    /// Bytes of the shortest secret that is looked for: a shorter one would be found in texts that say something else.
    package static let shortestSecret = 8
}
