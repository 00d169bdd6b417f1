import GatehouseCore
@testable import GatehouseProxy

/// One connection's machine under events in any order that a driver could bring them in, with a record of its own of what may follow.
///
/// Nothing is forwarded that was not verified, authorized, judged by the gate, given a token and recorded, in this exchange; nothing is forwarded
/// once it was answered here; no request is sent twice that may not be; each exchange is recorded once and ends once; a closed machine stays closed.
enum ExchangeTarget {
    static func check(_ input: [UInt8]) throws(Finding) -> Bool {
        var choices = Choices(input)
        var run = ExchangeRun()
        while !choices.isAtEnd { try run.step(&choices) }
        try run.end()
        return run.forwarded > 0
    }
}

/// The driver's half: which event the machine waits for, and what has happened to the request in hand.
struct ExchangeRun: ~Copyable {
    private enum Mode: Equatable {
        case idle
        case deciding(ExchangeMachine.Phase)
        case awaitingVerdict, gathering, awaitingRecord, connecting, forwarding, streaming, awaitingToken
        /// An answer of Gatehouse's own is to be written, at once.
        case answering
        case dropping, tunnelling, ending, closed
    }

    /// What has happened in one exchange.
    private struct Story {
        var request = ExchangeMachine.Request(keepsAlive: true, isComplete: true)
        var passed: Set<ExchangeMachine.Phase> = []
        var isRecorded = false
        var recordings = 0
        var isAnswered = false
        var sent = 0
        var isReused = false
        var hasLeft = true
        var isKept = true
        var renews = false
        var renewals = 0
        var isGathered = false
    }

    private var machine = ExchangeMachine()
    private var mode = Mode.idle
    private var story: Story?
    private(set) var forwarded = 0

    init() {}

    /// The events that may come at any time but in the midst of an answer.
    private mutating func interrupt(_ choices: inout Choices) throws(Finding) {
        switch choices.number(12) {
        case 0: try take(machine.clientClosed())
        case 1: try take(machine.deadlinePassed())
        case 2: try take(machine.assertionExpired())
        case 3: try take(machine.drainBegan(handsOver: choices.chance(), hasUnread: choices.chance()))
        case 4: try take(machine.streamStalled())
        case 5: try take(machine.streamDrained())
        case 6: try take(machine.graceEnded())
        case 7: try take(machine.inputExhausted())
        case 8: try take(machine.outputWritten())
        case 9: try take(machine.upstreamFailed(.upstreamReset))
        case 10 where mode != .awaitingVerdict: try take(machine.verdictSettled())
        case 11 where mode != .awaitingRecord: try take(machine.decisionSettled(durable: true))
        case _: try take(machine.connectFailed())
        }
    }

    mutating func step(_ choices: inout Choices) throws(Finding) {
        let kind = choices.byte()
        if kind >= 0xD0, mode != .answering { return try interrupt(&choices) }
        let isGood = kind < 0xA0
        switch mode {
        case .idle: try begin(isGood, &choices)
        case .deciding(let phase): try decide(phase, isGood, &choices)
        case .awaitingVerdict: try take(machine.verdictSettled())
        case .gathering: try gather(&choices)
        case .awaitingRecord:
            story?.isRecorded = isGood
            try take(machine.decisionSettled(durable: isGood))
        case .connecting:
            if isGood {
                story?.isReused = choices.chance()
                story?.hasLeft = true
                try take(machine.connected(isReused: story?.isReused ?? false))
            } else {
                try take(machine.connectFailed())
            }
        case .forwarding: try forward(&choices)
        case .streaming: try stream(&choices)
        case .awaitingToken:
            story?.renewals += isGood ? 1 : 0
            try take(machine.tokenRenewed(isGood))
        case .answering:
            let isWhole = story?.request.isComplete ?? false
            try hold(machine.isRequestWhole == isWhole, "the machine has another idea of what has come")
            try take(machine.refusalWritten(remaining: isWhole ? 0 : choices.one([nil, 10, 1 << 20])))
        case .dropping: try drop(&choices)
        case .tunnelling, .ending, .closed: try interrupt(&choices)
        }
    }

    /// What remains when the process ends.
    mutating func end() throws(Finding) {
        if mode == .answering { try take(machine.refusalWritten(remaining: nil)) }
        try take(machine.graceEnded())
        try hold(story == nil && machine.isClosed, "an exchange has not ended")
    }

    // MARK: - Events

    private mutating func begin(_ isGood: Bool, _ choices: inout Choices) throws(Finding) {
        let isFirst = machine.headBegan()
        try hold(!machine.headBegan(), "a head begins twice, after \(isFirst)")
        guard isGood else {
            story = Story()
            story?.request.isComplete = false
            return try take(machine.headRefused(choices.one(Reason.allCases)))
        }
        let isComplete = choices.chance()
        let isQuestion = choices.number(8) == 1
        let request = ExchangeMachine.Request(
            keepsAlive: choices.number(4) != 1,
            isComplete: isComplete || isQuestion,
            isUpgrade: isComplete && choices.chance(),
            expectsContinue: choices.chance(),
            isSafe: choices.chance(),
            isQuestion: isQuestion
        )
        story = Story(request: request)
        try take(machine.headReceived(request))
    }

    private mutating func decide(
        _ phase: ExchangeMachine.Phase,
        _ isGood: Bool,
        _ choices: inout Choices
    ) throws(Finding) {
        let reason = choices.one(Reason.allCases)
        if isGood { story?.passed.insert(phase) }
        switch phase {
        case .route: try take(machine.routed(isGood))
        case .publicAnswer:
            let document = LocalResponse(status: 200, content: .document([]))
            let other: ExchangeMachine.PublicAnswer = choices.chance() ? .refused(reason) : .found(document)
            try take(machine.publicAnswerSought(isGood ? .none : other))
        case .authentication:
            let other: ExchangeMachine.Authentication =
                choices.chance() ? .refused(reason) : .undecided(orElse: reason)
            try take(machine.authenticated(isGood ? .verified : other))
        case .authorization: try take(machine.authorized(refusal: isGood ? nil : reason))
        case .gate:
            guard let story, !story.isGathered, !story.request.isComplete, !isGood, choices.chance() else {
                let isWhole = story?.isGathered == true || choices.number(4) == 1
                if isWhole { story?.request.isComplete = true }
                return try take(machine.gated(isGood ? .passed : .refused(reason), bodyIsWhole: isWhole))
            }
            try take(machine.gated(.needsBody))
        case .token:
            let renews = choices.chance()
            story?.renews = renews
            try take(machine.tokenProvided(refusal: isGood ? nil : reason, renews: renews))
        case .record:
            story?.isRecorded = isGood
            try take(
                machine.decisionRecorded(isGood ? .recorded : choices.chance() ? .pending(ticket: 7) : .unavailable)
            )
        }
    }

    private mutating func gather(_ choices: inout Choices) throws(Finding) {
        switch choices.number(4) {
        case 0: try take(machine.gatheringOverflowed())
        case 1: try take(machine.requestBodyRefused(.bodyTooLarge))
        case _:
            story?.isGathered = true
            try take(machine.bodyGathered())
        }
    }

    private mutating func forward(_ choices: inout Choices) throws(Finding) {
        let isComplete = story?.request.isComplete ?? true
        switch choices.number(9) {
        case 0:
            machine.sendingFailed()
            if story?.isReused == true, story?.isKept == true { story?.hasLeft = false }
        case 1:
            machine.bodyPassed()
            story?.isKept = false
        case 2:
            machine.answerBegan()
            story?.isReused = false
        case 3: try take(machine.upstreamClosed())
        case 4: try take(machine.upstreamFailed(.upstreamMalformed))
        case 5 where !isComplete:
            story?.request.isComplete = true
            try take(machine.requestCompleted())
        case 6 where !isComplete: try take(machine.requestBodyRefused(.requestMalformed))
        case _:
            let isRejected = choices.number(4) == 1
            let isUpgrade = !isRejected && choices.number(4) == 1
            let action = machine.responseHeadReceived(
                reusesUpstream: choices.chance(),
                isUpgrade: isUpgrade,
                refusal: isRejected ? .upstreamCredentialRejected : nil,
                rejectsToken: isRejected && choices.chance()
            )
            if action == .wait { mode = .streaming }
            try take(action)
        }
    }

    private mutating func stream(_ choices: inout Choices) throws(Finding) {
        let isComplete = story?.request.isComplete ?? true
        switch choices.number(6) {
        case 0: try take(machine.upstreamClosed())
        case 1: try take(machine.upstreamFailed(.upstreamReset))
        case 2 where !isComplete:
            story?.request.isComplete = true
            try take(machine.requestCompleted())
        case 3 where !isComplete: try take(machine.requestBodyRefused(.requestMalformed))
        case _:
            let closes = machine.responseCloses
            let mustClose = choices.number(4) == 1
            let action = machine.responseCompleted(mustClose: mustClose)
            if case .finish = action {
                try hold(!closes && !mustClose, "a connection goes on of which the client was told that it ends")
            }
            try take(action)
        }
    }

    private mutating func drop(_ choices: inout Choices) throws(Finding) {
        switch choices.number(4) {
        case 0: try take(machine.requestBodyRefused(.requestMalformed))
        case 1:
            let action = machine.requestCompleted()
            if machine.isIdle { mode = .idle }
            try take(action)
        case _: try take(machine.bodyDropped(choices.one([1, 1000, 40_000])))
        }
    }

    // MARK: - Actions

    private mutating func take(_ action: ExchangeAction) throws(Finding) {
        try hold(mode != .closed || action == .wait || action == .cut || action == .close, "closed, and then \(action)")
        switch action {
        case .wait: break
        case .route: mode = .deciding(.route)
        case .seekPublicAnswer: mode = .deciding(.publicAnswer)
        case .authenticate: mode = .deciding(.authentication)
        case .authorize: mode = .deciding(.authorization)
        case .gate: mode = .deciding(.gate)
        case .provideToken: mode = .deciding(.token)
        case .recordDecision:
            story?.recordings += 1
            try hold(story?.recordings == 1, "a decision is recorded twice")
            mode = .deciding(.record)
        case .awaitVerdict:
            story?.passed = []
            mode = .awaitingVerdict
        case .gatherBody: mode = .gathering
        case .awaitRecord: mode = .awaitingRecord
        case .connect(let again): try connect(again)
        case .forwardRequest:
            try checkAllowed()
            forwarded += 1
            mode = .forwarding
        case .awaitToken:
            try hold(story?.renews == true && story?.renewals == 0, "a token is asked for again")
            try hold(story?.request.isComplete == true && story?.isKept == true, "a part of the request is gone")
            mode = .awaitingToken
        case .tunnel:
            try checkAllowed()
            try hold(story?.request.isUpgrade == true, "a tunnel that nobody asked for")
            mode = .tunnelling
        case .answerPublicly, .refuse: try answer()
        case .confirm:
            try checkDecided()
            try hold(story?.request.isQuestion == true, "a request is confirmed in place of an answer")
            try answer()
        case .abort:
            try endStory()
            try hold(machine.isClosed, "a machine goes on that was aborted")
            mode = .closed
        case .finish:
            try endStory()
            mode = machine.isIdle ? .idle : .dropping
        case .finishAndClose:
            try endStory()
            mode = .ending
        case .close, .shutOutput, .hasten, .cut:
            try hold(story == nil, "\(action), and no outcome is recorded")
            if case .hasten = action { break }
            mode = machine.isClosed ? .closed : .ending
        }
    }

    private mutating func answer() throws(Finding) {
        try hold(story != nil && story?.isAnswered == false, "a request is answered twice")
        try hold(mode != .streaming && mode != .tunnelling, "an answer in the midst of another")
        story?.isAnswered = true
        mode = .answering
    }

    private mutating func endStory() throws(Finding) {
        try hold(story != nil, "an outcome of no exchange")
        story = nil
    }

    private func checkDecided() throws(Finding) {
        guard let story else { throw Finding("nothing is in hand") }
        let needed: Set<ExchangeMachine.Phase> = [.route, .publicAnswer, .authentication, .authorization, .gate]
        try hold(needed.isSubset(of: story.passed), "phases were passed over: \(story.passed)")
        try hold(story.isRecorded && story.recordings == 1, "the decision is not recorded")
        try hold(!story.isAnswered, "the request was answered here already")
    }

    private func checkAllowed() throws(Finding) {
        try checkDecided()
        try hold(story?.passed.contains(.token) == true, "no token was provided")
        try hold(story?.request.isQuestion == false, "a question is forwarded")
    }

    private mutating func connect(_ again: Bool) throws(Finding) {
        try checkAllowed()
        guard let story else { return }
        if again {
            let isUnsent = !story.hasLeft
            try hold(story.isReused && story.isKept, "a request is sent twice of which a part is gone or answered")
            try hold(isUnsent || story.request.isSafe, "a request is sent twice that may change something")
        } else {
            try hold(story.sent == story.renewals && story.sent <= 1, "a request is sent twice")
        }
        if !again { self.story?.sent += 1 }
        mode = .connecting
    }
}
