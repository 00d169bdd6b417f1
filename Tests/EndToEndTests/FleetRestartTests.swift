import CurlClient
import Foundation
import GatehouseTestSupport
import Synchronization
import Testing

extension OneAtATime {
    /// `docs/FLEET.md`, "Restarting one after the other".
    @Suite("Instances restarted in turn", .needsPostgres, .timeLimit(.minutes(4)))
    struct FleetRestartTests {
        private final class Tally: Sendable {
            let state = Mutex<(made: Int, failures: [String])>((0, []))
        }

        /// Calls as a tunnel's end does: the next instance where one takes no connection.
        private func load(_ fleet: FleetFixture, _ tally: Tally, first: Int) async {
            while !Task.isCancelled {
                var outcome = ""
                for turn in 0..<fleet.names.count {
                    let name = fleet.names[(first + turn) % fleet.names.count]
                    do {
                        let status = try await fleet.call(name)
                        outcome = status == 200 ? "" : "\(name) answers \(status)"
                        break
                    } catch let error as CurlError where error.code == .unreachable {
                        outcome += "\(name): \(error); "
                    } catch {
                        outcome = "\(name): \(error)"
                        break
                    }
                }
                // A call that was under way when the test was done with it.
                guard !Task.isCancelled else { return }
                tally.state.withLock { state in
                    state.made += 1
                    if !outcome.isEmpty { state.failures.append(outcome) }
                }
            }
        }

        @Test func `no request fails while each is restarted`() async throws {
            let fleet = try await FleetFixture.start(options: ["limits: { rate: 100000/min, rate_scope: fleet }"])
            let tally = Tally()
            let loads = (0..<4).map { index in Task { await load(fleet, tally, first: index % 2) } }
            for name in fleet.names {
                let made = tally.state.withLock { $0.made }
                try await fleet.stopInstance(name)
                try await fleet.startInstance(name)
                try await fleet.eventually(name) { tally.state.withLock { $0.made } > made + 50 }
            }
            for load in loads {
                load.cancel()
                await load.value
            }
            let (made, failures) = tally.state.withLock { $0 }
            #expect(failures.isEmpty && made > 100, "\(failures.prefix(5)) of \(made)")
            try await fleet.eventually("one") {
                try await fleet.status("one")["fleet"]["instances"].elements.count == 2
            }
        }

        /// Closed at once, it would lose a request that is on its way, which no client may safely send again.
        @Test func `a connection that waits brings one more request to an instance that is stopped`() async throws {
            let fleet = try await FleetFixture.start()
            try await fleet.eventually("one") {
                try await fleet.status("one")["fleet"]["instances"].elements.count == 2
            }
            let process = try fleet.process("one")
            let request =
                "GET / HTTP/1.1\r\nHost: \(FleetFixture.host)\r\nCf-Access-Jwt-Assertion: \(fleet.assertion())\r\n\r\n"
            try await withTaskExecutorPreference(BlockingExecutor.shared) {
                let client = try RawSocket(connectingTo: .unix(path: "\(fleet.folder.path)/one.sock"))
                try client.send(request)
                #expect(try client.receiveAnswer().status == 200)
                process.send(signal: SIGTERM)
                try await process.eventually { process.errors.text.contains("draining") }
                try await process.eventually { try await fleet.status("two")["fleet"]["instances"].elements.count == 1 }
                try client.send(request)
                let answer = try client.receiveAnswer()
                #expect(answer.status == 200 && answer["Connection"] == "close")
                #expect(await process.exit() == .code(0))
            }
        }
    }
}
