import Foundation
import Glibc
import Testing

/// A command on a terminal: what is typed and what is seen go through the master side of a pseudo-terminal.
final class Typing: Sendable {
    let pid: pid_t
    private let master: Int32
    // Its folder is there as long as the command is.
    private let fixture: CommandFixture

    /// `TIOCSPTLCK` and `TIOCGPTN` (ioctl_tty(2)), which are macros that Swift does not read.
    private static let setLock: UInt = 0x4004_5431
    private static let number: UInt = 0x8004_5430

    init(_ arguments: [String], in fixture: CommandFixture, columns: UInt16 = 80) throws {
        self.fixture = fixture
        master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var lock: Int32 = 0
        var number: UInt32 = 0
        try #require(master >= 0 && ioctl(master, Self.setLock, &lock) == 0 && ioctl(master, Self.number, &number) == 0)
        var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        try #require(ioctl(master, UInt(TIOCSWINSZ), &size) == 0)
        let terminal = "/dev/pts/\(number)"
        pid = try fixture.start(arguments, streams: [terminal, terminal, terminal])
    }

    deinit { close(master) }

    func type(_ text: String) { _ = write(master, text, text.utf8.count) }

    /// The screen's text until it contains `text`, or until the command has ended.
    func screen(until text: String? = nil) async -> String {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                Thread.detachNewThread { [master] in
                    var bytes: [UInt8] = []
                    var buffer = [UInt8](repeating: 0, count: 4096)
                    while text.map({ !String(decoding: bytes, as: UTF8.self).contains($0) }) ?? true {
                        let count = read(master, &buffer, buffer.count)
                        if count < 0, errno == EINTR { continue }
                        // EIO: the command has closed the terminal.
                        guard count > 0 else { break }
                        bytes += buffer[..<count]
                    }
                    continuation.resume(returning: String(decoding: bytes, as: UTF8.self))
                }
            }
        } onCancel: {
            kill(pid, SIGKILL)
        }
    }

    func exit() async -> Int32 { await Command.exit(of: pid) }

    /// Whether the terminal shows what is typed.
    var echoes: Bool {
        var settings = termios()
        return tcgetattr(master, &settings) == 0 && settings.c_lflag & tcflag_t(ECHO) != 0
    }
}
