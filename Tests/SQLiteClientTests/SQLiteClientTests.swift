import Foundation
import SQLiteClient
import Testing

/// A directory of its own for one test, removed with it.
final class TemporaryDirectory {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("gatehouse-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func mode(of name: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")
        return (attributes[.posixPermissions] as? Int) ?? -1
    }
}

@Suite struct OpeningADatabase {
    let directory: TemporaryDirectory
    let file: String

    init() throws {
        directory = try TemporaryDirectory()
        file = "\(directory.path)/test.db"
    }

    @Test func `opening a database makes files for the owner alone`() throws {
        let connection = try SQLiteConnection(path: file)
        try connection.execute("CREATE TABLE t (a)")
        for name in ["test.db", "test.db-wal", "test.db-shm"] {
            #expect(try directory.mode(of: name) == 0o600, "\(name)")
        }
    }

    @Test func `opening a database narrows a file that others could read`() throws {
        #expect(FileManager.default.createFile(atPath: file, contents: Data(), attributes: [.posixPermissions: 0o644]))
        let connection = try SQLiteConnection(path: file)
        try connection.execute("CREATE TABLE t (a)")
        #expect(try directory.mode(of: "test.db") == 0o600)
        #expect(try directory.mode(of: "test.db-wal") == 0o600)
    }

    @Test func `opening a database sets the promised pragmas`() throws {
        let connection = try SQLiteConnection(path: file, synchronous: .normal)
        func pragma(_ name: String) throws -> SQLiteValue {
            let statement = try connection.prepare("PRAGMA \(name)")
            #expect(try statement.step())
            return try statement.value(0)
        }
        #expect(try pragma("journal_mode") == "wal")
        #expect(try pragma("foreign_keys") == 1)
        #expect(try pragma("trusted_schema") == 0)
        #expect(try pragma("synchronous") == 1)
        #expect(try pragma("busy_timeout") == 5000)
    }

    @Test func `opening a database refuses a missing file unless it may make it`() throws {
        for access in [SQLiteConnection.Access.readWrite, .readOnly] {
            let error = #expect(throws: SQLiteError.self) { try SQLiteConnection(path: file, access: access) }
            #expect(error?.code == .notOpened)
            #expect(error?.message.contains(file) == true)
        }
        #expect(!FileManager.default.fileExists(atPath: file))
    }

    @Test func `opening a database refuses a missing directory and a directory`() {
        for path in ["\(directory.path)/none/test.db", directory.path, "", "a\0b"] {
            let error = #expect(throws: SQLiteError.self) { try SQLiteConnection(path: path) }
            #expect(error?.code == .notOpened)
        }
    }

    @Test func `opening a database refuses a file that is no database`() throws {
        try Data(repeating: 0x41, count: 4096).write(to: URL(fileURLWithPath: file))
        let error = #expect(throws: SQLiteError.self) { try SQLiteConnection(path: file) }
        #expect(error?.code == .notADatabase)
    }

    @Test func `a read-only database is read but not written`() throws {
        let writer = try SQLiteConnection(path: file)
        try writer.execute("CREATE TABLE t (a); INSERT INTO t VALUES (7)")
        let reader = try SQLiteConnection(path: file, access: .readOnly)
        let statement = try reader.prepare("SELECT a FROM t")
        #expect(try statement.step())
        #expect(try statement.integer(0) == 7)
        statement.reset()
        let error = #expect(throws: SQLiteError.self) { try reader.execute("INSERT INTO t VALUES (8)") }
        #expect(error?.code == .readOnly)
    }

    @Test func `a new file is opened from many threads at once`() {
        let file = self.file
        DispatchQueue.concurrentPerform(iterations: 16) { number in
            #expect(throws: Never.self) {
                let connection = try SQLiteConnection(path: file)
                try connection.migrate("one", through: ["CREATE TABLE t (a)"])
                try connection.run("INSERT INTO t VALUES (?)", .integer(Int64(number)))
            }
        }
        #expect(throws: Never.self) {
            let statement = try SQLiteConnection(path: file).prepare("SELECT count(*) FROM t")
            #expect(try statement.step())
            #expect(try statement.integer(0) == 16)
        }
    }

    @Test func `a database notices that its file was replaced`() throws {
        let connection = try SQLiteConnection(path: file)
        #expect(!connection.isReplaced)
        try FileManager.default.moveItem(atPath: file, toPath: file + ".old")
        #expect(connection.isReplaced)
        let other = try SQLiteConnection(path: file)
        #expect(connection.isReplaced)
        #expect(!other.isReplaced)
        #expect(connection.checkReplaced() && !other.checkReplaced())
    }

    @Test func `a database notices that another connection has written`() throws {
        let one = try SQLiteConnection(path: file)
        let other = try SQLiteConnection(path: file)
        try one.execute("CREATE TABLE t (a)")
        let before = try other.dataVersion()
        #expect(try other.dataVersion() == before)
        try one.execute("INSERT INTO t VALUES (1)")
        #expect(try other.dataVersion() != before)
    }
}

@Suite struct Statements {
    let directory: TemporaryDirectory
    let connection: SQLiteConnection

    init() throws {
        directory = try TemporaryDirectory()
        connection = try SQLiteConnection(path: "\(directory.path)/test.db")
        try connection.execute("CREATE TABLE t (a ANY, b ANY) STRICT")
    }

    @Test(arguments: [
        SQLiteValue.null, .integer(.min), .integer(.max), .real(-0.5), .text(""), .text("Grüße\0!"), .blob([]),
        .blob([0, 255, 0]),
    ])
    func `statements give back what was bound`(_ value: SQLiteValue) throws {
        #expect(try connection.run("INSERT INTO t (a) VALUES (?)", value) == 1)
        let statement = try connection.prepare("SELECT a, b FROM t")
        #expect(try statement.step())
        #expect(try statement.value(0) == value)
        #expect(statement.isNull(1))
        #expect(try !statement.step())
    }

    @Test func `statements read no value beyond the bound`() throws {
        let bound = SQLiteConnection.maximumValue
        let longest = try connection.prepare("SELECT zeroblob(\(bound))")
        #expect(try longest.step())
        #expect(try longest.blob(0).count == bound)
        let error = #expect(throws: SQLiteError.self) {
            let statement = try connection.prepare("SELECT zeroblob(\(bound + 1))")
            if try statement.step() { _ = try statement.blob(0) }
        }
        #expect(error?.code == .tooLarge)
    }

    @Test func `statements bind bytes in place`() throws {
        let statement = try connection.prepare("INSERT INTO t VALUES (?, ?)")
        try Array("text".utf8).withUnsafeBytes { text in
            try [UInt8]([1, 2]).withUnsafeBytes { blob in
                try statement.bind(lentText: text, at: 1)
                try statement.bind(lentBlob: blob, at: 2)
                try statement.run()
                statement.clear()
            }
        }
        let read = try connection.prepare("SELECT a, b FROM t")
        #expect(try read.step())
        #expect(try read.text(0) == "text")
        #expect(try read.blob(1) == [1, 2])
        #expect(read.columnName(1) == "b")
    }

    @Test func `statements may be used again, and forget old parameters`() throws {
        let statement = try connection.prepare("INSERT INTO t VALUES (?, ?)")
        try statement.bind([1, 2])
        try statement.run()
        try statement.bind([3])
        try statement.run()
        let read = try connection.prepare("SELECT a, b FROM t ORDER BY a")
        var rows: [[SQLiteValue]] = []
        while try read.step() { rows.append([try read.value(0), try read.value(1)]) }
        #expect(rows == [[1, 2], [3, nil]])
    }

    @Test func `statements refuse another type than the one read`() throws {
        try connection.run("INSERT INTO t VALUES ('seven', NULL)")
        let statement = try connection.prepare("SELECT a, b FROM t")
        func refused(_ body: () throws -> Void) {
            #expect((#expect(throws: SQLiteError.self) { try body() })?.code == .mismatch)
        }
        refused { _ = try statement.text(0) }
        #expect(try statement.step())
        refused { _ = try statement.integer(0) }
        refused { _ = try statement.blob(0) }
        refused { _ = try statement.real(0) }
        refused { _ = try statement.text(1) }
        refused { _ = try statement.text(2) }
        refused { _ = try statement.text(-1) }
    }

    @Test func `text that is not one statement is refused`() throws {
        for sql in ["", "SELECT 1; SELECT 2", "SELEC 1", "SELECT a FROM missing"] {
            #expect(throws: SQLiteError.self) { try connection.prepare(sql) }
        }
        #expect(throws: SQLiteError.self) { try connection.run("SELECT 1", 1) }
        #expect(try connection.run("DELETE FROM t ; \n") == 0)
    }

    @Test func `statements say which constraint broke`() throws {
        try connection.execute("CREATE TABLE u (k TEXT PRIMARY KEY) STRICT; INSERT INTO u VALUES ('hidden-value')")
        let error = #expect(throws: SQLiteError.self) { try connection.run("INSERT INTO u VALUES (?)", "hidden-value") }
        #expect(error?.code == .constraint)
        #expect(error?.extendedCode == 1555)
        #expect(error?.message.contains("u.k") == true)
        #expect(error?.message.contains("hidden-value") == false)
    }
}

@Suite struct Transactions {
    let directory: TemporaryDirectory
    let file: String
    let connection: SQLiteConnection

    init() throws {
        directory = try TemporaryDirectory()
        file = "\(directory.path)/test.db"
        connection = try SQLiteConnection(path: file)
        try connection.execute("CREATE TABLE t (a)")
    }

    private func count() throws -> Int64 {
        let statement = try connection.prepare("SELECT count(*) FROM t")
        #expect(try statement.step())
        return try statement.integer(0)
    }

    @Test func `a transaction commits when it returns, and is undone when it throws`() throws {
        struct Stop: Error {}
        let result = try connection.transaction { () throws(SQLiteError) -> Int in
            try connection.run("INSERT INTO t VALUES (1)")
        }
        #expect(result == 1)
        #expect(throws: Stop.self) {
            try connection.transaction({ _ in Stop() }) { () throws(Stop) in
                do { try connection.run("INSERT INTO t VALUES (2)") } catch { throw Stop() }
                throw Stop()
            }
        }
        #expect(try count() == 1)
        // The failed transaction has released the lock.
        _ = try connection.transaction { () throws(SQLiteError) in try connection.run("INSERT INTO t VALUES (3)") }
        #expect(try count() == 2)
    }

    @Test func `a nested transaction is refused, and leaves the outer one alone`() throws {
        try connection.transaction { () throws(SQLiteError) in
            try connection.run("INSERT INTO t VALUES (1)")
            #expect(throws: SQLiteError.self) { try connection.transaction { () throws(SQLiteError) in } }
        }
        #expect(try count() == 1)
    }

    @Test func `a transaction keeps other writers out, and readers in`() throws {
        let other = try SQLiteConnection(path: file, busyTimeout: .zero)
        try connection.transaction { () throws(SQLiteError) in
            try connection.run("INSERT INTO t VALUES (1)")
            let error = #expect(throws: SQLiteError.self) { try other.transaction { () throws(SQLiteError) in } }
            #expect(error?.code == .busy)
            let read = try other.prepare("SELECT count(*) FROM t")
            #expect(try read.step())
            #expect(try read.integer(0) == 0)
        }
    }

    @Test func `reading keeps one view while others write`() throws {
        let other = try SQLiteConnection(path: file)
        try connection.reading({ $0 }) { () throws(SQLiteError) in
            let read = try connection.prepare("SELECT count(*) FROM t")
            #expect(try read.step())
            #expect(try read.integer(0) == 0)
            read.reset()
            try other.run("INSERT INTO t VALUES (1)")
            #expect(try read.step())
            #expect(try read.integer(0) == 0)
        }
        #expect(try count() == 1)
    }
}

@Suite struct Migrations {
    let directory: TemporaryDirectory
    let connection: SQLiteConnection

    init() throws {
        directory = try TemporaryDirectory()
        connection = try SQLiteConnection(path: "\(directory.path)/test.db")
    }

    @Test func `migrations run once each in order`() throws {
        let first = "CREATE TABLE a (x); INSERT INTO a VALUES (1)"
        try connection.migrate("one", through: [first])
        #expect(try connection.schemaVersion(of: "one") == 1)
        let second = "ALTER TABLE a ADD COLUMN y; UPDATE a SET y = x + 1"
        try connection.migrate("one", through: [first, second])
        try connection.migrate("one", through: [first, second])
        #expect(try connection.schemaVersion(of: "one") == 2)
        let read = try connection.prepare("SELECT x, y FROM a")
        #expect(try read.step())
        #expect(try read.integer(1) == 2)
        #expect(try !read.step())
    }

    @Test func `migrations of components in one file are independent`() throws {
        try connection.migrate("one", through: ["CREATE TABLE a (x)", "CREATE TABLE b (x)"])
        try connection.migrate("two", through: ["CREATE TABLE c (x)"])
        #expect(try connection.schemaVersion(of: "one") == 2)
        #expect(try connection.schemaVersion(of: "two") == 1)
        #expect(try connection.schemaVersion(of: "three") == 0)
    }

    @Test func `migrations that fail leave what was there`() throws {
        try connection.migrate("one", through: ["CREATE TABLE a (x)"])
        #expect(throws: SQLiteError.self) {
            try connection.migrate("one", through: ["CREATE TABLE a (x)", "CREATE TABLE b (x)", "NONSENSE"])
        }
        #expect(try connection.schemaVersion(of: "one") == 1)
        #expect(throws: SQLiteError.self) { try connection.prepare("SELECT x FROM b") }
    }

    @Test func `migrations refuse a newer database`() throws {
        try connection.migrate("one", through: ["CREATE TABLE a (x)", "CREATE TABLE b (x)"])
        let error = #expect(throws: SQLiteError.self) { try connection.migrate("one", through: ["CREATE TABLE a (x)"]) }
        #expect(error?.code == .schemaTooNew)
        #expect(error?.message.contains("schema 2") == true)
        #expect(try connection.schemaVersion(of: "one") == 2)
    }
}
