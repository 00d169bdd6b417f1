internal import CLinux
internal import Glibc
package import NIOCore
package import TLSClient

/// One connected stream socket: reads when its handler can use it, keeps what the kernel does not take yet. The end of the peer's
/// sending is the end of the connection.
package final class StreamSocket: Pollable {
    /// The handler, retained until the connection has ended; may be replaced.
    package var handler: (any StreamSocketHandler)?
    package private(set) var isOpen = true
    /// TLS, where it is spoken.
    private let tls: TLSSession?

    private var reading = ReadState()
    private var writing = WriteState()
    private var outgoing = OutgoingBytes()

    /// Bytes that one reading takes at most.
    package static let receiveSize = 64 << 10
    /// Readings of one socket in one turn; then the others' turn comes.
    static let readsInTurn = 4
    /// Bytes waiting to be written above which the handler's other side should stop sending, and below which it may go on.
    package static let highWater = 64 << 10
    package static let lowWater = 32 << 10

    /// Takes over a connected descriptor, non-blocking and closed on exec.
    ///
    /// - Throws: ``SocketError`` when it cannot be watched; it is closed then.
    package init(adopting descriptor: CInt, on loop: EpollLoop, tls: TLSSession? = nil) throws(SocketError) {
        self.tls = tls
        super.init(descriptor, on: loop)
        do throws(SocketError) { try loop.watch(self, Self.interest) } catch {
            isOpen = false
            Glibc.close(descriptor)
            throw error
        }
    }

    /// Takes over a connection that is watched already, with the events that were reported for it.
    init(succeeding attempt: Pollable, events: UInt32, tls: TLSSession?) {
        self.tls = tls
        super.init(attempt.descriptor, on: attempt.loop)
        loop.hand(attempt, to: self)
        guard events & ~gatehouse_epoll_out != 0 else { return }
        // Only after the new owner of the socket has set a handler.
        loop.soon { [self] in ready(events) }
    }

    /// The number of its descriptor: the kernel gives the lowest that is free, so it shows how many are in use.
    package var number: Int { Int(descriptor) }

    /// Both directions, from the start.
    static let interest =
        gatehouse_epoll_in | gatehouse_epoll_out | gatehouse_epoll_read_hangup | gatehouse_epoll_edge

    /// The address of the peer, as text; empty once the socket is closed.
    package var peerAddress: String { isOpen ? SocketAddress.peerText(of: descriptor) : "" }

    // MARK: - Events

    override func ready(_ events: UInt32) {
        let ends = gatehouse_epoll_read_hangup | gatehouse_epoll_hangup | gatehouse_epoll_error
        if reading.isHalfClosed { return readyHalfClosed(events) }
        let isEnd = events & ends != 0
        if isEnd { reading.becameReadable(ends: true) }
        if events & gatehouse_epoll_out != 0, writing.becameWritable() { flush() }
        if events & gatehouse_epoll_in != 0 || isEnd {
            reading.becameReadable(ends: false)
            receive()
        }
    }

    /// Nothing is left to be read. A peer that has gone as a whole answers what it is sent with a reset.
    private func readyHalfClosed(_ events: UInt32) {
        guard events & (gatehouse_epoll_error | gatehouse_epoll_hangup) == 0 else { return end(isBroken: true) }
        if events & gatehouse_epoll_out != 0, writing.becameWritable() { flush() }
    }

    /// Reads on without an event.
    func goOn() {
        reading.wentOn()
        guard !reading.isHalfClosed else { return writing.isFailed ? end(isBroken: true) : () }
        receive()
    }

    override func abandon() {
        guard isOpen else { return }
        isOpen = false
        handler = nil
        Glibc.close(descriptor)
    }

    // MARK: - Reading

    /// The handler can use bytes again.
    package func resumeReading() {
        guard reading.isHeld, isOpen, handler?.mayRead ?? false else { return }
        scheduleReading()
    }

    private func scheduleReading() { if reading.schedule() { loop.resume(self) } }

    private func receive() {
        var reads = 0
        var isDelivered = false
        while isOpen, reading.mayRead, let handler {
            // When nothing can be written any more, reading need not wait for the handler.
            guard handler.mayRead || writing.isFailed else {
                holdReading()
                break
            }
            guard reads < Self.readsInTurn else {
                scheduleReading()
                break
            }
            reads += 1
            let (count, number) = receiveOnce()
            guard count > 0 else {
                if isDelivered { handler.readCompleted() }
                return receivedNothing(isEnd: count == 0, number)
            }
            // Less than there was room for: the kernel has no more, and will say so when it has. The end it has said already.
            if count < Self.receiveSize { reading.emptied() }
            isDelivered = true
            if let tls { deliver(through: tls) } else { handler.received(loop.receiving) }
        }
        if isDelivered, isOpen { handler?.readCompleted() }
    }

    /// Reads into the loop's memory.
    private func receiveOnce() -> (count: Int, errno: Int32) {
        var number: Int32 = 0
        let count = loop.receiving.receive { place in
            let count = recv(descriptor, place.baseAddress, place.count, 0)
            number = errno
            return count
        }
        return (count, number)
    }

    private func receivedNothing(isEnd: Bool, _ number: Int32) {
        if isEnd {
            inputEnded()
        } else if number == EAGAIN, !writing.isFailed {
            reading.blocked()
        } else if number == EINTR {
            scheduleReading()
        } else {
            end(isBroken: true)
        }
    }

    private func inputEnded() {
        guard tls == nil, !writing.isFailed, let handler, handler.inputEnded() else { return end(isBroken: tls != nil) }
        // It may have closed by its answer.
        if isOpen { reading.ended() }
    }

    /// The handler cannot use more. An end with nothing before it is still an end.
    private func holdReading() {
        reading.hold()
        guard reading.isEnding else { return }
        var byte: UInt8 = 0
        let count = recv(descriptor, &byte, 1, Int32(MSG_PEEK))
        if count <= 0 { receivedNothing(isEnd: count == 0, errno) }
    }

    // MARK: - TLS

    /// Begins the handshake; ``StreamSocketHandler/secured()`` reports its end, ``StreamSocketHandler/closed(isBroken:)`` its failure.
    package func beginHandshake() {
        guard let tls else { preconditionFailure("a handshake needs a TLS session") }
        do throws(TLSError) {
            _ = try tls.handshake()
            takeOutput(of: tls)
            flush()
        } catch {
            end(isBroken: true)
        }
    }

    private func deliver(through tls: TLSSession) {
        do throws(TLSError) {
            try loop.receiving.withUnsafeReadableBytes { bytes throws(TLSError) in try tls.receive(bytes) }
            if !tls.isSecured {
                guard try tls.handshake() == .done else { return sendOutput(of: tls) }
                sendOutput(of: tls)
                handler?.secured()
            }
            try deliverPlain(of: tls)
            sendOutput(of: tls)
        } catch {
            // Says what was wrong, where there is something to say.
            sendOutput(of: tls)
            end(isBroken: true)
        }
    }

    private func deliverPlain(of tls: TLSSession) throws(TLSError) {
        while isOpen {
            switch try loop.receiving.read(from: tls) {
            case .bytes: handler?.received(loop.receiving)
            case .waiting: return
            case .ended: return end(isBroken: false)
            }
        }
    }

    private func sendOutput(of tls: TLSSession) {
        guard isOpen else { return }
        takeOutput(of: tls)
        flush()
    }

    private func takeOutput(of tls: TLSSession) {
        let count = tls.pendingOutput
        guard count > 0 else { return }
        var bytes = ByteBuffer()
        _ = bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { tls.takeOutput(into: $0) }
        outgoing.append(bytes, copies: writing.isBlocked)
    }

    // MARK: - Writing

    /// Bytes that the kernel has taken so far.
    package private(set) var sentBytes = 0

    /// Whether something waits to be written.
    package var hasOutput: Bool { outgoing.count > 0 }

    /// Whether the kernel has bytes that were not read yet.
    package var hasUnread: Bool {
        guard isOpen else { return false }
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK)) > 0
    }

    /// Whether the kernel has nothing that was not read yet: no bytes, no end and no error.
    package var isSilent: Bool {
        guard isOpen else { return false }
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK)) < 0 && errno == EAGAIN
    }

    /// Whether the other side may go on sending what is to be written here.
    package var isWritable: Bool { isOpen && !writing.isAboveHighWater }

    /// Appends bytes to the output. They leave with the next ``flush()``.
    package func write(_ bytes: ByteBuffer) {
        guard isOpen, !writing.isFailed, bytes.readableBytes > 0 else { return }
        if let tls {
            do throws(TLSError) {
                try bytes.withUnsafeReadableBytes { bytes throws(TLSError) in try tls.write(bytes) }
                takeOutput(of: tls)
            } catch {
                return fail()
            }
        } else {
            outgoing.append(bytes, copies: writing.isBlocked)
        }
        writing.queued(outgoing.count)
    }

    /// Writes as much as the kernel takes; the rest follows when it can.
    ///
    /// - Returns: false when the connection takes nothing any more: it reads what there is and ends.
    @discardableResult
    package func flush() -> Bool {
        guard isOpen, !writing.isFailed else { return false }
        while !writing.isBlocked, outgoing.count > 0 {
            switch outgoing.send(over: descriptor) {
            case .sent(let count):
                sentBytes &+= count
                // A part only: the kernel has no room, and will say so when it has.
                if outgoing.count > 0, !outgoing.isSentInParts { block() }
            case .blocked: block()
            case .failed:
                fail()
                return false
            }
        }
        if writing.sent(leaving: outgoing.count) { handler?.becameWritable() }
        if writing.isWritten(leaving: outgoing.count) { handler?.written() }
        return true
    }

    private func block() {
        writing.blocked()
        outgoing.keepOwn()
    }

    /// Calls ``StreamSocketHandler/written()`` once all that was written has left; at once when it has.
    package func tellWhenWritten() {
        writing.expect()
        flush()
    }

    /// The peer takes nothing any more. What it said before that is still read.
    private func fail() {
        writing.failed()
        outgoing.giveUp()
        // One that is half closed has nothing to be read; it ends when the loop goes on with it.
        if !reading.isHalfClosed { reading.becameReadable(ends: true) }
        scheduleReading()
    }

    // MARK: - Ending

    /// Ends the output; input is still read.
    package func shutOutput() {
        guard isOpen else { return }
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Closes at once: what waits to be written is lost.
    package func close() {
        guard isOpen else { return }
        if let tls {
            tls.end()
            sendOutput(of: tls)
        }
        end(isBroken: false)
    }

    /// Closes with a reset in place of an end, so that the peer takes what it has for cut. What waits to be written is lost.
    package func reset() {
        guard isOpen else { return }
        resetAtClose()
        end(isBroken: true)
    }

    private func end(isBroken: Bool) {
        guard isOpen else { return }
        isOpen = false
        loop.forget(self)
        Glibc.close(descriptor)
        outgoing.giveUp()
        loop.soon { [self] in
            let handler = handler
            self.handler = nil
            handler?.closed(isBroken: isBroken)
        }
    }
}

extension ByteBuffer {
    /// Puts what is received in the place of what was received before, of which nothing is left: a client's assertion or form may stand in it.
    ///
    /// - Parameter read: fills up to ``StreamSocket/receiveSize`` bytes and says how many, none or less than none where there are none.
    /// - Returns: what `read` said.
    fileprivate mutating func receive(_ read: (UnsafeMutableRawBufferPointer) -> Int) -> Int {
        let before = writerIndex
        var count = 0
        clear(minimumCapacity: StreamSocket.receiveSize)
        _ = writeWithUnsafeMutableBytes(minimumWritableBytes: StreamSocket.receiveSize) { place in
            count = read(UnsafeMutableRawBufferPointer(rebasing: place[..<StreamSocket.receiveSize]))
            let kept = max(0, count)
            if kept < before { explicit_bzero(place.baseAddress! + kept, before - kept) }
            return kept
        }
        return count
    }

    fileprivate mutating func read(from tls: TLSSession) throws(TLSError) -> TLSSession.Reading {
        var reading = TLSSession.Reading.waiting
        var failure: TLSError?
        _ = receive { place in
            do throws(TLSError) { reading = try tls.read(into: place) } catch { failure = error }
            if case .bytes(let count) = reading { return count }
            return 0
        }
        if let failure { throw failure }
        return reading
    }
}
