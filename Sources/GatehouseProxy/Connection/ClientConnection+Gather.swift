internal import GatehouseCore
internal import NIOCore
internal import SocketLoop

/// A body that is not whole yet, held for the gate.
extension ClientConnection {
    /// Waits for the body. A client that holds it back until it is asked for is asked.
    func gatherBody() {
        guard let exchange else { return }
        body.gatheringBegan(at: loop.eventLoop.now)
        let head = inbound.head
        if case .length(let length) = head.framing { inbound.reserve(body: length) }
        if head.expectsContinue, exchange.version == .http11 {
            socket.write(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n"))
            socket.flush()
        }
    }

    /// - Returns: whether more of what was received can be used.
    func gatherMore() -> Bool {
        guard let exchange, let limit = exchange.route?.route.limits.body else { return false }
        if let refusal = body.gather(from: inbound, limit: limit) {
            carryOut(machine.requestBodyRefused(refusal))
            return true
        }
        guard let principal = exchange.caller?.principal else { return false }
        let new = body.hold(inbound.count)
        if new != 0 { loop.heldBodies.add(new, of: principal) }
        if body.whole(in: inbound) != nil {
            carryOut(machine.bodyGathered())
            return true
        }
        guard loop.heldBodies.hasRoom(for: principal, holding: body.held, within: exchange.snapshot.limits) else {
            carryOut(machine.gatheringOverflowed())
            return true
        }
        // The sweep comes by here too, with nothing new: then the wait goes on as it is.
        if new > 0 { beginWait() }
        return false
    }

    /// The held bytes are on their way or given up.
    func releaseHeld(of exchange: Exchange) {
        let held = body.release()
        if held > 0, let principal = exchange.caller?.principal { loop.heldBodies.add(-held, of: principal) }
    }
}
