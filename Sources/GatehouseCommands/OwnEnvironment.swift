internal import GatehouseCore
internal import Glibc

/// Moves the environment from where the kernel put it to where secrets are.
///
/// Tokens, keys and passwords come in variables, and what a process was started with stays in its stack, and in /proc/PID/environ, for as long as it
/// lives. Moved, variables are read as before; the place that they came in is zeros.
enum OwnEnvironment {
    /// Before there is a second thread, and before anybody has kept the address of a value.
    static func move() {
        var entry = environ
        while let line = entry.pointee {
            let length = strlen(line)
            // It is never given back: whoever reads a variable may keep where it stands.
            let copy = SecretPages.allocate(length + 1)
            copy.copyMemory(from: UnsafeRawBufferPointer(start: line, count: length + 1))
            entry.pointee = copy.baseAddress?.assumingMemoryBound(to: CChar.self)
            explicit_bzero(line, length)
            entry += 1
        }
    }
}
