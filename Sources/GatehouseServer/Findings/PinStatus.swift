package import GatehouseCore

/// The pins of one route as operators see them.
package struct PinStatus: Sendable, Equatable {
    package let mode: ToolPinning.Mode
    package var approved = 0
    package var rejected = 0
    /// The tools that wait for an operator, with what they wait for.
    package var waiting: [Waiting] = []
    /// When the upstream last told Gatehouse itself all of its tools; nil where it was never asked, or never answered.
    package var listedAt: Timestamp?
    /// Why the upstream could not be asked when that was last tried.
    package var listProblem: String?
    /// Whether it is known what was approved; else nothing is.
    package var isKnown = true
    /// Why the pins cannot be read or kept.
    package var problem: String?
    package var hint: String?

    package struct Waiting: Sendable, Equatable {
        package let tool: ToolName
        package let state: PinBook.State
    }

    package init(_ mode: ToolPinning.Mode) { self.mode = mode }

    mutating func count(_ book: PinBook) {
        let states = book.pins.values.map(\.state)
        approved = states.count { $0 == .approved }
        rejected = states.count { $0 == .rejected }
        waiting = book.waiting.map { Waiting(tool: $0, state: book.pins[$0]?.state ?? .new) }
    }
}
