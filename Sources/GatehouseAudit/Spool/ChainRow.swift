/// One event where it is kept.
package struct ChainRow: Sendable {
    let sequence: Int64
    /// Nil when what stands there is no event any more.
    let record: SpoolRecord?
}
