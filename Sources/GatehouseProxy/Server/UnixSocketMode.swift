internal import Glibc
internal import NIOCore

/// The mode of a listening unix socket: its group may connect, others not.
enum UnixSocketMode {
    static let mode: mode_t = 0o660

    static func restrict(_ path: String) throws {
        guard chmod(path, mode) == 0 else { throw IOError(errnoCode: errno, reason: "chmod of the listening socket") }
    }
}
