package import GatehouseCore

/// Reads an upstream's answer as it passes, as JSON or as an event stream: notes what became of the call, leaves out of lists
/// what the caller may not use, and gives the legacy `endpoint` event a new address. Every byte that is none of these passes
/// as it came.
///
/// Holds one entry of a list at a time, or one address, and nothing else. A class, because it is handed from read to read and
/// would be copied each time.
@usableFromInline
package final class AnswerReader {
    /// What is edited. Without any of it the reader only observes, and hands out no bytes.
    @usableFromInline
    package struct Edits: OptionSet, Sendable {
        @usableFromInline package let rawValue: UInt8
        @inlinable package init(rawValue: UInt8) { self.rawValue = rawValue }
        @inlinable package static var lists: Edits { Edits(rawValue: 1) }
        @inlinable package static var endpoint: Edits { Edits(rawValue: 2) }
    }

    /// Bytes of one list entry with the white space before it; a longer one is withheld.
    package static let maximumEntry = 1 << 20
    /// Bytes of the data of an `endpoint` event; what goes beyond them passes as it is.
    package static let maximumEndpoint = 8 << 10
    /// Bytes of an answer, or of one event, that an observer follows; what comes behind them says nothing about the outcome.
    package static let observedBytes = 256 << 10

    package let edits: Edits
    private var lines: EventLines?
    private var walker = AnswerWalker()
    private var observed = 0
    private var hold = EntryHold()
    private var endpoint: [UInt8] = []

    package init(isEventStream: Bool, edits: Edits) {
        self.edits = edits
        lines = isEventStream ? EventLines() : nil
    }

    /// List entries that were withheld because they were longer than ``maximumEntry`` or named nothing clearly.
    package var unreadableEntries: Int { hold.unreadable }

    /// What the audit says of the outcome: the code of a JSON-RPC error, or that a tool's result says it failed.
    package var outcome: String? {
        switch walker.outcome {
        case .none: nil
        case .failedTool: "isError"
        case .error(let code): code.map { String($0) } ?? "error"
        }
    }

    /// Follows bytes without changing them.
    package func observe(_ bytes: UnsafeRawBufferPointer) {
        guard lines != nil else { return observe(bytes, 0..<bytes.count) }
        lines?.split(bytes) { piece, range in
            switch piece {
            case .framing, .address: break
            case .data: observe(bytes, range)
            case .end:
                walker.reset()
                observed = 0
            }
        }
    }

    private func observe(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        guard observed < Self.observedBytes else { return }
        observed += range.count
        walker.walk(bytes, range) { _, _ in }
    }

    /// Takes bytes and hands out those that the client gets.
    ///
    /// - Parameters:
    ///   - address: makes of the data of an `endpoint` event what the client is told.
    ///   - emit: gets bytes that are valid during the call.
    package func edit(
        _ bytes: UnsafeRawBufferPointer,
        permits: Permits,
        address: (UnsafeRawBufferPointer) -> [UInt8],
        _ emit: (UnsafeRawBufferPointer) -> Void
    ) {
        hold.begin()
        if lines != nil {
            lines?.split(bytes) { piece, range in
                switch piece {
                case .framing:
                    release(address, emit)
                    hold.framing(bytes, range, emit)
                case .data: follow(bytes, range, permits, emit)
                case .address where edits.contains(.endpoint) && endpoint.count + range.count <= Self.maximumEndpoint:
                    hold.advance(bytes, to: range.lowerBound, emit)
                    hold.skip(to: range.upperBound)
                    endpoint.append(contentsOf: bytes[range])
                case .address:
                    release(address, emit)
                    follow(bytes, range, permits, emit)
                case .end:
                    hold.abandon(emit)
                    walker.reset()
                }
            }
        } else {
            follow(bytes, 0..<bytes.count, permits, emit)
        }
        hold.advance(bytes, to: bytes.count, emit)
    }

    private func follow(
        _ bytes: UnsafeRawBufferPointer,
        _ range: Range<Int>,
        _ permits: Permits,
        _ emit: (UnsafeRawBufferPointer) -> Void
    ) {
        walker.walk(bytes, range) { event, offset in
            if edits.contains(.lists) { hold.noted(event, at: offset, in: bytes, permits, emit) }
        }
    }

    /// Hands out the address of an `endpoint` event, which is whole when something else follows.
    private func release(
        _ address: (UnsafeRawBufferPointer) -> [UInt8],
        _ emit: (UnsafeRawBufferPointer) -> Void
    ) {
        guard !endpoint.isEmpty else { return }
        let new = endpoint.withUnsafeBytes(address)
        endpoint = []
        new.withUnsafeBytes(emit)
    }
}
