internal import CLinux
internal import Glibc

/// Keeps tokens and keys out of core dumps, and out of reach of other processes of the same user.
///
/// An undumpable process leaves no core, also not to a program that collects them, and neither its memory nor its environment
/// can be read through /proc or ptrace but by root (prctl(2), PR_SET_DUMPABLE). A core that root makes with gcore has none of its memory unless
/// more is asked for (core(5), coredump_filter): libraries copy passwords where they like. A program that it starts is dumpable again, with the
/// same filter.
package enum CoreDumps {
    package static func forbid() {
        filter()
        _ = gatehouse_set_dumpable(0)
    }

    package static var areForbidden: Bool { gatehouse_get_dumpable() == 0 }

    /// Before the process is undumpable: from then on the file is root's.
    private static func filter() {
        let file = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        defer { close(file) }
        _ = write(file, "0", 1)
    }
}
