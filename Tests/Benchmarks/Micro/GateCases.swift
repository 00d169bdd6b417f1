import GatehouseCore
import GatehouseMCP

let gateCases = [
    MicroCase("rpc-call") { count in
        for _ in 0..<count {
            let body = try Samples.call.withUnsafeBytes { try RPCGate.scan($0, allowsBatch: false) }
            try check(body.contains { $0.known == .toolsCall && $0.target?.range.count == 9 })
        }
    },
    MicroCase("rpc-batch") { count in
        for _ in 0..<count {
            let body = try Samples.batch.withUnsafeBytes { try RPCGate.scan($0, allowsBatch: true) }
            try check(body.contains { $0.known == .toolsList })
        }
    },
    // The same call with rules on its arguments, which are looked at once more then.
    MicroCase("rpc-arguments") { count in
        let rules = try ArgumentRules([
            .init(try MemberPath(parsing: "docId"), .oneOf([.text(ArgumentPattern(Glob("AbC*")))])),
            .init(try MemberPath(parsing: "limit"), .within(minimum: nil, maximum: try PlainNumber(parsing: "100"))),
        ])
        let grant = Grant(
            Grant.Callers(users: [Glob("*")]),
            tools: [Grant.Tool(Glob("list_*"), arguments: rules)]
        )
        let permits = Permits(Policy(grants: [grant]), of: Principal(kind: .user, name: "ops@example.com"))
        for _ in 0..<count {
            try Samples.call.withUnsafeBytes { bytes in
                let body = try RPCGate.scan(bytes, allowsBatch: false)
                try check(!body.contains { $0.refusal(by: permits, in: bytes) != nil })
            }
        }
    },
    // The arguments alone, 64 KiB of them: what a byte costs.
    MicroCase("arguments-64k") { count in
        let rules = try ArgumentRules([
            .init(try MemberPath(parsing: "docId"), .oneOf([.text(ArgumentPattern(Glob("AbC*")))])),
            .init(try MemberPath(parsing: "options.dryRun"), .oneOf([.boolean(true)])),
        ])
        let arguments = Samples.rows
        for _ in 0..<count { try check(arguments.withUnsafeBytes { rules.denial(of: $0) } == nil) }
    },
    // The answer to a call, of which only the outcome counts.
    MicroCase("answer") { count in
        for _ in 0..<count { try observe(Samples.answer, isEventStream: false) }
    },
    MicroCase("answer-event") { count in
        for _ in 0..<count { try observe(Samples.answerEvent, isEventStream: true) }
    },
    // The same in a stream that may hand something out, as every stream may.
    MicroCase("answer-event-owned") { count in
        let permits = Permits(Policy(grants: nil), of: Principal(kind: .user, name: "ops@example.com"))
        for _ in 0..<count {
            let reader = AnswerReader(isEventStream: true, edits: [.values, .events])
            var passed = 0
            Samples.answerEvent.withUnsafeBytes { bytes in
                reader.edit(bytes, permits: permits, address: { Array($0) }, { passed += $0.count })
            }
            try check(passed == Samples.answerEvent.count)
        }
    },
    MicroCase("list-filter") { count in
        let grant = Grant(users: [Glob("*")], serviceTokens: [], tools: [Glob("list_*")], prompts: nil, resources: nil)
        let permits = Permits(Policy(grants: [grant]), of: Principal(kind: .user, name: "ops@example.com"))
        for _ in 0..<count {
            let reader = AnswerReader(isEventStream: false, edits: .lists)
            var passed = 0
            Samples.list.withUnsafeBytes { bytes in
                reader.edit(bytes, permits: permits, address: { Array($0) }, { passed += $0.count })
            }
            try check(passed > Samples.list.count / 4 && passed < Samples.list.count / 3)
        }
    },
    MicroCase("event-boundary") { count in
        let bytes = Samples.answerEvent
        var boundary = EventBoundary()
        for _ in 0..<count {
            boundary.advance(over: bytes.span)
            try check(boundary.isAtBoundary)
        }
    },
]

private func observe(_ answer: [UInt8], isEventStream: Bool) throws {
    let reader = AnswerReader(isEventStream: isEventStream, edits: [])
    answer.withUnsafeBytes { reader.observe($0) }
    try check(reader.outcome == nil)
}
