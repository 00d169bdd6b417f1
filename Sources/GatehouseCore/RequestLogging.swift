/// Which requests the log tells of. What fails behind Gatehouse, or in it, is told whatever this says.
package enum RequestLogging: String, Sendable, CaseIterable {
    /// None.
    case off
    /// Those whose caller was refused: a line for each reason, route and caller, with their number.
    case refused
    /// Those, and a line for each request when it ends.
    case all
}
