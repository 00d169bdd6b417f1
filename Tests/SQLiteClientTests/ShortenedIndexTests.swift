import Foundation
import Glibc
import SQLiteClient
import Testing

/// A file that SQLite has mapped is shortened by somebody else.
@Suite struct ShortenedIndexTests {
    @Test func `an index that is shortened ends the process by an error that names the file`() async throws {
        let result = try #require(
            await #expect(processExitsWith: .exitCode(1), observing: [\.standardErrorContent]) {
                let directory = try TemporaryDirectory()
                let connection = try SQLiteConnection(path: "\(directory.path)/test.db")
                try connection.execute("CREATE TABLE t (a)")
                guard truncate("\(directory.path)/test.db-shm", 0) == 0 else { return }
                try connection.execute("INSERT INTO t VALUES (1)")
            }
        )
        let words = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(words.contains("/test.db-shm was shortened while SQLite had it mapped\ngatehouse: hint: "))
    }

    @Test func `nobody has to read that error`() async {
        await #expect(processExitsWith: .exitCode(1)) {
            let directory = try TemporaryDirectory()
            let connection = try SQLiteConnection(path: "\(directory.path)/test.db")
            try connection.execute("CREATE TABLE t (a)")
            // A signal in place of a wait for ever.
            alarm(20)
            var ends: [Int32] = [0, 0]
            guard pipe(&ends) == 0, fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0 else { return }
            while write(ends[1], "full", 4) > 0 {}
            guard fcntl(ends[1], F_SETFL, 0) == 0, dup2(ends[1], STDERR_FILENO) == STDERR_FILENO,
                truncate("\(directory.path)/test.db-shm", 0) == 0
            else { return }
            try connection.execute("INSERT INTO t VALUES (1)")
        }
    }

    @Test func `a fault in another mapping ends the process as it would without SQLite`() async {
        await #expect(processExitsWith: .signal(SIGBUS)) {
            let directory = try TemporaryDirectory()
            _ = try SQLiteConnection(path: "\(directory.path)/test.db")
            let file = open("\(directory.path)/mapped", O_RDWR | O_CREAT, 0o600)
            guard ftruncate(file, 8192) == 0, let base = mmap(nil, 8192, PROT_READ, MAP_SHARED, file, 0),
                base != MAP_FAILED, ftruncate(file, 0) == 0
            else { return }
            _ = base.load(as: UInt8.self)
        }
    }
}
