/// The requests that are logged. Failures of Gatehouse or behind it are logged whatever this setting says.
package enum RequestLogging: String, Sendable, CaseIterable {
    /// No requests.
    case off
    /// Requests whose caller was refused: a line for each reason, route and caller, with the number of requests.
    case refused
    /// Refused requests, and a line for each request when it ends.
    case all
}
