import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

extension OneAtATime {
    /// Instances that know each other, and hold callers to one rate.
    @Suite("A fleet of the binary", .needsPostgres, .timeLimit(.minutes(5)))
    struct FleetTests {
        private func instances(_ fleet: FleetFixture, _ name: String) async throws -> [JSON] {
            try await fleet.status(name)["fleet"]["instances"].elements
        }

        @Test(arguments: [false, true]) func `status shows who is there, and who runs another configuration`(
            isPooled: Bool
        ) async throws {
            let fleet = try await FleetFixture.start(isPooled: isPooled)
            // Their files differ in the names of their folders.
            for name in fleet.names {
                try await fleet.eventually(name) {
                    let all = try await instances(fleet, name)
                    return all.count == 2 && all.allSatisfy { $0["gone"] == .bool(false) }
                }
                let all = try await instances(fleet, name)
                #expect(all.count { $0["self"] == .bool(true) } == 1)
                #expect(all.count { $0["same_configuration"] == .bool(true) } == 1)
                #expect(all.allSatisfy { $0["version"].text?.isEmpty == false })
            }
            let page = try await fleet.command("status")
            #expect(page.contains("another one") && page.contains("(this one)"))
            try await fleet.stopInstance("two")
            try await fleet.eventually("one") { try await instances(fleet, "one").count == 1 }
            // One that is killed stays for a while, and counts as gone.
            try await fleet.startInstance("two")
            try await fleet.eventually("one") { try await instances(fleet, "one").count == 2 }
            try fleet.process("two").kill()
            try await fleet.eventually("one") {
                try await instances(fleet, "one").contains { $0["gone"] == .bool(true) }
            }
        }

        /// The calls that pass in some seconds, made at all instances at once, and those that one instance would let through: a full bucket, and what
        /// fills it again meanwhile.
        private func passing(_ fleet: FleetFixture, seconds: Int) async throws -> (
            passed: Int, expected: Double, made: Int
        ) {
            let assertion = fleet.assertion()
            let began = ContinuousClock.now
            let end = began + .seconds(seconds)
            let counts = try await withThrowingTaskGroup(of: (passed: Int, made: Int).self) { group in
                for name in fleet.names {
                    group.addTask {
                        let socket = try RawSocket(connectingTo: .unix(path: "\(fleet.folder.path)/\(name).sock"))
                        var (passed, made) = (0, 0)
                        while ContinuousClock.now < end {
                            try socket.send(
                                "GET /call HTTP/1.1\r\nHost: \(FleetFixture.host)\r\nCf-Access-Jwt-Assertion: \(assertion)\r\n\r\n"
                            )
                            let head = try socket.receive(through: "\r\n\r\n").lowercased()
                            let length = head.split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
                                .flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) }
                            _ = try socket.receive(count: length ?? 0)
                            made += 1
                            if head.hasPrefix("http/1.1 200") { passed += 1 }
                            try await Task.sleep(for: .milliseconds(25))
                        }
                        return (passed, made)
                    }
                }
                return try await group.reduce((0, 0)) { ($0.0 + $1.passed, $0.1 + $1.made) }
            }
            let time = (ContinuousClock.now - began) / .seconds(1)
            return (counts.0, 600 + 10 * time, counts.1)
        }

        @Test(arguments: [false, true]) func `600 a minute over three instances are 600 a minute`(isPooled: Bool)
            async throws
        {
            let fleet = try await FleetFixture.start(
                3,
                isPooled: isPooled,
                options: ["limits: { rate: 600/min, rate_scope: fleet }"]
            )
            for name in fleet.names {
                try await fleet.eventually(name) {
                    try await fleet.status(name)["fleet"]["rates_exchanged_seconds_ago"].number != nil
                }
            }
            let (passed, expected, made) = try await passing(fleet, seconds: 30)
            #expect(
                Double(passed) > expected * 0.9 && Double(passed) < expected * 1.1,
                "\(passed) of \(made), not \(expected)"
            )
            #expect(Double(made) > expected * 1.2, "too few calls were made to tell")
        }
    }
}
