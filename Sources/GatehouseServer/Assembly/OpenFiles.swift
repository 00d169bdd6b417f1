internal import SocketLoop

/// The process's limit on open files.
package enum OpenFiles {
    /// Raises it as far as the system lets every process. Limits of 1,024, which many systems start a process with, are for programs that
    /// use select(2).
    package static func raiseLimit() { DescriptorLimit.raise() }
}
