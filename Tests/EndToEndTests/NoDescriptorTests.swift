import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

private enum Prlimit {
    static let isThere = FileManager.default.isExecutableFile(atPath: "/usr/bin/prlimit")
}

/// A process that may open nothing more.
@Suite(
    "Out of descriptors",
    .enabled(if: Prlimit.isThere, "no prlimit, of Debian's util-linux"),
    .timeLimit(.minutes(2))
)
struct NoDescriptorTests {
    private static func limit(_ process: ChildProcess, to count: Int) async throws {
        let tool = try ChildProcess("/usr/bin/prlimit", ["--pid", "\(process.pid)", "--nofile=\(count):"])
        #expect(await tool.exit() == .code(0))
    }

    /// The processor time of all threads, in hundredths of a second.
    private static func processorTime(of process: ChildProcess) throws -> Int {
        let line = try String(contentsOfFile: "/proc/\(process.pid)/stat", encoding: .utf8)
        // Behind the name in parentheses: utime and stime are fields 14 and 15 of proc(5), the state is field 3.
        let fields = try #require(line.split(separator: ")").last).split(separator: " ")
        return try #require(Int(fields[11])) + #require(Int(fields[12]))
    }

    /// The kernel reports queued connections again and again. Nothing may try to accept them without end.
    @Test func `connections that wait cost no processor, and are served once there are descriptors again`() async throws
    {
        try await withTaskExecutorPreference(BlockingExecutor.shared) {
            let upstream = try RawListener()
            let gateway = try await Instance.start(
                .environment,
                routes: """
                      - { name: r, host: "*", path: /r, audience: ["\(TestIssuer.defaultAudience)"], upstream: "\(upstream.url)", protocol: http }

                    """
            )
            let admin = RawSocket.Address.unix(path: "\(gateway.folder.path)/admin.sock")
            // No descriptor is left to give up, so no connection can be accepted and closed either.
            try await Self.limit(gateway.process, to: 3)
            let waiting = try (0..<20).map { _ in try RawSocket(connectingTo: admin) }
            let callers = try (0..<20).map { _ in try RawSocket(connectingTo: .tcp(port: gateway.port)) }
            let before = try Self.processorTime(of: gateway.process)
            // The test measures a time here, it does not wait for an event.
            try await Task.sleep(for: .seconds(2))
            let used = try Self.processorTime(of: gateway.process) - before
            print("out of descriptors: \(used) hundredths of a second of processor in two seconds")
            #expect(used < 40, "\(used)")
            try await Self.limit(gateway.process, to: 1024)
            // The clients of closed connections learn it; a client that comes now is served.
            for socket in waiting + callers { socket.close() }
            var request = CurlRequest("http://localhost/healthz")
            request.unixSocket = "\(gateway.folder.path)/admin.sock"
            let healthz = request
            try await gateway.eventually { try await CurlClient().perform(healthz).status == 200 }
            #expect(try await gateway.request("/r").status == 401)
        }
    }
}
