/// The version of MCP that a request claims in `MCP-Protocol-Version`.
package enum ProtocolVersion: Equatable, Sendable {
    /// None: a client of an era that had no such field, or its first request.
    case unstated
    /// A date, as digits: 20260728.
    case dated(Int)
    /// Anything else. The upstream will say what it makes of it; nothing is trusted by it here.
    case unknown

    package init(_ value: UnsafeRawBufferPointer) {
        self = .unknown
        guard value.count == 10 else { return }
        var date = 0
        for index in 0..<10 {
            if index == 4 || index == 7 {
                guard value[index] == 0x2D else { return }
            } else {
                guard value[index] &- 0x30 < 10 else { return }
                date = date * 10 + Int(value[index] &- 0x30)
            }
        }
        self = .dated(date)
    }

    /// Batches were in one version only, and before that field was.
    package var hasBatches: Bool { self == .unstated || self == .dated(20_250_326) }

    /// Whether a call may become a task.
    package var hasTasks: Bool {
        if case .dated(let date) = self { date >= 20_251_125 } else { false }
    }

    /// Whether an error may ask the client to open an address (-32042): in one version only.
    package var elicitsByError: Bool { self == .dated(20_251_125) }

    /// Whether `Mcp-Method` and `Mcp-Name` mirror the body.
    package var mirrorsBody: Bool {
        if case .dated(let date) = self { date >= 20_260_728 } else { false }
    }
}
