import Glibc
import Testing
import Threads

@Suite struct BoundedJoinTests {
    @Test func `a thread that goes on is waited for no longer than asked`() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let (reader, writer) = (ends[0], ends[1])
        let thread = try OwnedThread(named: "stuck") {
            var byte: UInt8 = 0
            _ = read(reader, &byte, 1)
        }
        #expect(!thread.join(within: .milliseconds(20)))
        var byte: UInt8 = 1
        #expect(write(writer, &byte, 1) == 1)
        let quick = try OwnedThread(named: "quick") {}
        #expect(quick.join(within: .seconds(45)))
    }

    @Test func `what blocks is run beside, and its result and failure come back`() async throws {
        #expect(try await OwnedThread.run(named: "work") { 42 } == 42)
        await #expect(throws: CancellationError.self) {
            try await OwnedThread.run(named: "work") { throw CancellationError() }
        }
    }
}
