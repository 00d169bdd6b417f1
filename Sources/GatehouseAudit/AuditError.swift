internal import GatehouseCore
internal import Glibc

/// An error of the audit.
package struct AuditError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// A setting is out of bounds.
        case settings
        /// The spool directory or a file in it cannot be made, read or written.
        case spoolUnusable = "spool_unusable"
        /// Another process uses the spool directory.
        case spoolInUse = "spool_in_use"
        /// The spool holds as much as it may; the sink must take some first.
        case spoolFull = "spool_full"
        /// The spool's directory or a file of it was taken away while it was in use.
        case spoolGone = "spool_gone"
        /// A ring's file was shortened, or written by another process, while it was in use.
        case spoolTruncated = "spool_truncated"
        /// A file in the spool is not what was written there.
        case spoolDamaged = "spool_damaged"
        /// The sink did not take a batch; it is offered again.
        case sinkFailed = "sink_failed"
        /// The sink did not take a batch in the time that it has; a smaller one is offered.
        case sinkTimedOut = "sink_timed_out"
        /// The sink lacks events that it had taken: its file or database was replaced.
        case sinkReplaced = "sink_replaced"
        /// The sink was opened anew and cannot say what it still has of what it had taken.
        case sinkUnasked = "sink_unasked"
        /// Another process stores events under this spool's name.
        case writerDuplicated = "writer_duplicated"
        /// Stored events cannot be read.
        case unreadable
        /// The database has no audit tables: no event has come there yet.
        case empty
    }

    /// The party that causes an error.
    package enum Source: String, Sendable {
        case client
        case upstream
        case gatehouse
    }

    package let code: Code
    package let message: String
    package let underlying: (any Error)?
    package let source: Source
    /// `errno`, when the operating system refused.
    package let number: Int32?

    package init(
        _ code: Code,
        _ message: String,
        underlying: (any Error)? = nil,
        source: Source = .gatehouse,
        number: Int32? = nil
    ) {
        self.code = code
        self.message = message
        self.underlying = underlying
        self.source = source
        self.number = number
    }

    /// Advice where the system refused access to a place that the operator configured.
    package var hint: String? {
        guard code == .spoolUnusable, number == EACCES || number == EPERM else { return nil }
        return "the user that runs Gatehouse must own the folder of the spool and everything in it: chown -R"
    }

    package var description: String { underlying.map { "\(message): \($0)" } ?? message }

    /// An error of the operating system; `number` is `errno` as the failed call left it.
    static func system(_ doing: String, _ path: String, _ number: Int32 = errno, code: Code = .spoolUnusable)
        -> AuditError
    {
        AuditError(code, "cannot \(doing) \(path): \(ForeignFile.reason(path, number))", number: number)
    }
}
