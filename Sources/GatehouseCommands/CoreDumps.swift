internal import CLinux

/// Keeps tokens and keys out of core dumps, and out of reach of other processes of the same user.
///
/// An undumpable process leaves no core, also not to a program that collects them, and neither its memory nor its environment
/// can be read through /proc or ptrace but by root (prctl(2), PR_SET_DUMPABLE). A program that it starts is dumpable again.
package enum CoreDumps {
    package static func forbid() { _ = gatehouse_set_dumpable(0) }

    package static var areForbidden: Bool { gatehouse_get_dumpable() == 0 }
}
