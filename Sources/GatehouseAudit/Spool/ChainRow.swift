/// One event where it is kept.
package struct ChainRow: Sendable {
    let sequence: Int64
    /// Nil when the row is no event any more.
    let record: SpoolRecord?
}
