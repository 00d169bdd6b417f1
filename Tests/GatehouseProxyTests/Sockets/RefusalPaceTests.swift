import GatehouseCore
import GatehouseTestSupport
import SocketLoop
import Testing

@testable import GatehouseProxy

/// A connection that asks for refusals without end gets no more than its number of them.
struct RefusalPaceTests {
    @Test func `a hundred a second are served`() {
        var pace = RefusalPace()
        let start = MonotonicTime.now()
        for _ in 0..<RefusalPace.perSecond {
            #expect(!pace.isExceeded(at: start))
            pace.refused(at: start)
        }
        #expect(pace.isExceeded(at: start + .milliseconds(999)))
        #expect(!pace.isExceeded(at: start + .seconds(1)))
        pace.refused(at: start + .seconds(1))
        #expect(!pace.isExceeded(at: start + .seconds(1)))
    }

    @Test func `the one after those is told that the connection closes, and no other is answered`() async throws {
        try await Gateway.run { gateway in
            let client = try gateway.client()
            let request = "GET / HTTP/1.1\r\nHost: coda.example\r\n\r\n"
            try client.send(String(repeating: request, count: 300))
            var answers = 0
            while true {
                let answer = try client.receiveAnswer()
                #expect(answer.status == 401)
                answers += 1
                if answer["Connection"] == "close" { break }
                try #require(answers <= 250)
            }
            // A second may have passed on a busy machine.
            #expect(answers > RefusalPace.perSecond)
            let decisions = gateway.audit.decisions
            #expect(decisions.count == answers)
            #expect(decisions.allSatisfy { $0.clientIP == "127.0.0.1" })
        }
    }

    @Test func `an established caller's refusals close nothing`() async throws {
        let nobody = Policy(grants: [
            Grant(users: [Glob("bob@*")], serviceTokens: [], tools: nil, prompts: nil, resources: nil)
        ])
        try await Gateway.run(routes: { [try Gateway.route($0.url, policy: nobody)] }) { gateway in
            let client = try gateway.client()
            for _ in 0..<150 {
                try client.send(Gateway.get("/mcp", as: "alice"))
                let answer = try client.receiveAnswer()
                #expect(answer.status == 403 && answer["Connection"] == nil)
            }
        }
    }
}
