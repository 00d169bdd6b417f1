import Testing

@testable import SocketLoop

/// The states of a socket's two directions, each against every event.
@Suite struct SocketStateTests {
    // MARK: - Reading

    enum Input: CaseIterable { case drained, readable, ending, halfClosed }
    enum ReadEvent: CaseIterable { case readable, ends, emptied, blocked, ended }

    static func state(_ input: Input) -> ReadState {
        var state = ReadState()
        switch input {
        case .drained: break
        case .readable: state.becameReadable(ends: false)
        case .ending: state.becameReadable(ends: true)
        case .halfClosed: state.ended()
        }
        return state
    }

    static func input(_ state: ReadState) -> Input {
        if state.isHalfClosed { return .halfClosed }
        if state.isEnding { return .ending }
        return state.mayRead ? .readable : .drained
    }

    static func happen(_ event: ReadEvent, _ state: inout ReadState) {
        switch event {
        case .readable: state.becameReadable(ends: false)
        case .ends: state.becameReadable(ends: true)
        case .emptied: state.emptied()
        case .blocked: state.blocked()
        case .ended: state.ended()
        }
    }

    /// In the order of the events. Where a socket is half closed only its end is left: nothing else happens to its reading.
    static let expected: [Input: [Input]] = [
        .drained: [.readable, .ending, .drained, .drained, .halfClosed],
        .readable: [.readable, .ending, .drained, .drained, .halfClosed],
        // An end that the kernel has reported is not reported again.
        .ending: [.ending, .ending, .ending, .drained, .halfClosed],
    ]

    @Test(arguments: [Input.drained, .readable, .ending])
    func `reading goes on until the kernel has no more, and to an end that was told`(input: Input) throws {
        for (event, next) in zip(ReadEvent.allCases, try #require(Self.expected[input])) {
            var state = Self.state(input)
            #expect(Self.input(state) == input)
            Self.happen(event, &state)
            #expect(Self.input(state) == next, "\(event) while \(input)")
        }
    }

    @Test func `a socket is scheduled once, and held only while nobody goes on with it`() {
        var state = ReadState()
        state.hold()
        #expect(state.isHeld)
        #expect(state.schedule() == true)
        #expect(state.schedule() == false)
        state.hold()
        #expect(!state.isHeld, "the loop goes on with it anyway")
        state.wentOn()
        state.hold()
        #expect(state.isHeld)
        state.ended()
        #expect(!state.isHeld, "nothing is left to be read")
    }

    // MARK: - Writing

    @Test func `a blocked socket is told once that the kernel has room, and a failed one never`() {
        var state = WriteState()
        #expect(state.becameWritable() == false)
        state.blocked()
        #expect(state.isBlocked)
        #expect(state.becameWritable() == true)
        #expect(state.becameWritable() == false)
        state.blocked()
        state.failed()
        #expect(state.isFailed && !state.isBlocked)
        #expect(state.becameWritable() == false)
    }

    @Test func `the other side stops above the high water and goes on below the low`() {
        var state = WriteState()
        state.queued(StreamSocket.highWater)
        #expect(!state.isAboveHighWater)
        state.queued(StreamSocket.highWater + 1)
        #expect(state.isAboveHighWater)
        #expect(state.sent(leaving: StreamSocket.lowWater) == false)
        #expect(state.sent(leaving: StreamSocket.lowWater - 1) == true)
        #expect(state.sent(leaving: 0) == false, "it is told once")
    }

    @Test func `whoever waits until all has left is told once`() {
        var state = WriteState()
        #expect(state.isWritten(leaving: 0) == false)
        state.expect()
        #expect(state.isWritten(leaving: 1) == false)
        #expect(state.isWritten(leaving: 0) == true)
        #expect(state.isWritten(leaving: 0) == false)
    }
}
