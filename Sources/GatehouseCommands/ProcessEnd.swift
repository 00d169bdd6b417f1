internal import Glibc

/// The end of the process, for every command.
enum ProcessEnd {
    /// Ends the process and leaves libraries as they are: exit(3) would destroy the locks of OpenSSL and of libgssapi, which a thread still takes that
    /// connects to a database, and the process would end by SIGABRT.
    static func exit(_ status: Int32) -> Never {
        fflush(nil)
        quick_exit(status)
    }
}
