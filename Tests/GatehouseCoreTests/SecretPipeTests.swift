import Foundation
import GatehouseCore
import GatehouseTestSupport
import Testing

/// A secret may come through a pipe that stands where a file would.
@Suite struct SecretPipeTests {
    private let own: OwnFolder
    private var path: String { own.path + "/pipe" }

    init() throws {
        own = try OwnFolder("pipe")
        try #require(mkfifo(path, 0o600) == 0)
    }

    @Test func `a pipe that nobody writes to is an error, and no wait for ever`() {
        let error = #expect(throws: InvalidValue.self) { try SecretSource.file(path).read(within: .milliseconds(50)) }
        #expect(error?.message.contains("nobody has written to it") == true)
    }

    @Test func `a pipe that somebody writes to, in pieces, gives its secret`() throws {
        Thread.detachNewThread { [path] in
            let end = open(path, O_WRONLY)
            for piece in ["first half, ", "second half\n"] { _ = write(end, piece, piece.utf8.count) }
            close(end)
        }
        let secret = try SecretSource.file(path).read()
        #expect(secret == Secret("first half, second half"))
    }

    @Test func `a pipe whose writer never ends is an error`() throws {
        let end = open(path, O_RDWR)
        defer { close(end) }
        _ = write(end, "half", 4)
        #expect(throws: InvalidValue.self) { try SecretSource.file(path).read(within: .milliseconds(50)) }
    }
}
