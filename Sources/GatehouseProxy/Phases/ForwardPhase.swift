internal import GatehouseCore
internal import GatehouseMCP
internal import NIOCore

/// The head of a request as its upstream gets it: stripped, injected, and without the tags that the upstream does not know.
struct ForwardPhase: ~Copyable {
    let exchange: Exchange
    let route: PreparedRoute
    let injected: Secret

    /// Body bytes that ride behind a head in one write; more of them go as they are.
    static let joinedBody = 16 << 10

    /// Bytes that the head needs.
    func bound(_ inbound: borrowing InboundBytes) -> Int {
        route.rewrite.bound(inbound.head, injectedCount: injected.count)
    }

    func writeHead(_ inbound: borrowing InboundBytes, bound: Int, into opening: inout OpeningBytes) {
        let head = inbound.head
        let source = inbound.bytes
        injected.withUnsafeBytes { lines in
            _ = opening.head.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { output in
                let written = route.rewrite.write(
                    head,
                    bytes: source.readableBytesUInt8Span,
                    prefixLength: exchange.prefix,
                    injectedLines: lines,
                    requestID: exchange.id,
                    untagging: untagging(head),
                    into: output
                )
                opening.injectedAt = written.injectedAt
                return written.count
            }
        }
    }

    /// The name under which the public knows the route: one for any host is public under the name that was asked for.
    func authority(_ inbound: borrowing InboundBytes) -> [UInt8] {
        route.authority.isEmpty ? inbound.withBytes(inbound.head.authority) { Array($0) } : route.authority
    }

    /// The tags of what belongs to the caller.
    private func untagging(_ head: RequestHead) -> RequestRewrite.Untagging {
        var untagging = RequestRewrite.Untagging()
        if exchange.session.bound != nil {
            untagging.field = head.has(.mcpSessionID) ? SessionTags.length : 0
            untagging.query = exchange.session.queryTag
            untagging.path = exchange.session.pathTag
        }
        untagging.trace = exchange.trace
        let owned = exchange.call.owned
        untagging.event = owned.event
        untagging.name = owned.name
        if case .length(let length) = head.framing, !owned.cuts.isEmpty {
            untagging.contentLength = length - owned.cuts.length
        }
        return untagging
    }
}
