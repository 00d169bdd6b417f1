import GatehouseTestSupport
import Glibc
import Testing

@testable import GatehouseServer

@Suite("The log's queue", .timeLimit(.minutes(1)))
struct LogQueueTests {
    private static func pipe() throws -> (reader: Int32, writer: Int32) {
        var ends: [Int32] = [0, 0]
        try #require(Glibc.pipe(&ends) == 0)
        return (ends[0], ends[1])
    }

    /// Reads lines until one holds these words.
    private static func lines(_ descriptor: Int32, through words: String) -> [String] {
        lines(descriptor) { $0.contains { $0.contains(words) } }
    }

    /// Reads lines until they are enough, or nothing comes any more.
    private static func lines(_ descriptor: Int32, until areEnough: ([String]) -> Bool) -> [String] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
            if bytes.last == 0x0A, areEnough(lines) { return lines }
            var asked = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&asked, 1, Int32(RawSocket.patience * 1000)) == 1 else { return lines }
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return lines }
            bytes += buffer[..<count]
        }
    }

    @Test func `who logs never waits for a reader, and what was lost is counted and told`() async throws {
        let (reader, writer) = try Self.pipe()
        let queue = LogQueue(writer) { lost in Array("lost \(lost)\n".utf8) }
        let line = Array((String(repeating: "x", count: 199) + "\n").utf8)
        // More than the pipe and the queue hold together.
        for _ in 0..<10_000 { queue.put(line) }
        let lost = queue.lost
        #expect(lost > 4000 && lost < 10_000 - LogQueue.maximumLines + 1)
        #expect(!queue.flush(within: .milliseconds(20)))
        await withTaskExecutorPreference(BlockingExecutor.shared) {
            // The notice stands behind each lot of lines that the thread has written; their number depends on the scheduler, and so does whether
            // the last lot lost any.
            func told(_ lines: [String]) -> Int {
                lines.reduce(0) { $0 + ($1.hasPrefix("lost ") ? Int($1.dropFirst(5)) ?? 0 : 0) }
            }
            func written(_ lines: [String]) -> Int { lines.count { $0.hasPrefix("x") } }
            let lines = Self.lines(reader) { told($0) >= lost && written($0) >= 10_000 - lost }
            #expect(told(lines) == lost)
            #expect(written(lines) == 10_000 - lost)
            #expect(queue.flush(within: .seconds(45)))
            // The queue flows again, and no loss is reported twice.
            queue.put(Array("more\n".utf8))
            #expect(Self.lines(reader, through: "more") == ["more"])
            #expect(queue.lost == lost)
        }
        close(reader)
    }

    @Test func `lines that are long are bounded by their bytes`() throws {
        let (reader, writer) = try Self.pipe()
        let queue = LogQueue(writer) { _ in [] }
        let line = [UInt8](repeating: 0x78, count: 1 << 20)
        for _ in 0..<10 { queue.put(line) }
        #expect(queue.lost == 10 - LogQueue.maximumBytes / line.count)
        close(reader)
    }

    @Test func `a reader that has gone loses lines and ends nothing`() throws {
        signal(SIGPIPE, SIG_IGN)
        let (reader, writer) = try Self.pipe()
        close(reader)
        let queue = LogQueue(writer) { _ in [] }
        queue.put(Array("nobody\n".utf8))
        #expect(queue.flush(within: .seconds(45)))
        #expect(queue.lost == 1)
    }

    @Test func `lines keep their order`() async throws {
        let (reader, writer) = try Self.pipe()
        let queue = LogQueue(writer) { _ in [] }
        await withTaskExecutorPreference(BlockingExecutor.shared) {
            for number in 0..<500 { queue.put(Array("line \(number)\n".utf8)) }
            #expect(Self.lines(reader, through: "line 499") == (0..<500).map { "line \($0)" })
        }
        close(reader)
    }
}
