internal import GatehouseCore
internal import Glibc

/// The cores that the process may use: those it may be scheduled on, and no more than its cgroup's share of time fills.
enum UsableCores {
    /// Bytes read of a file of the kernel about them.
    private static let maximumLength = 8192

    /// The number of usable cores, at least 1.
    static func count() -> Int {
        let scheduled = allowed(in: text(of: "/proc/self/status")) ?? 1
        let quota = share(in: text(of: "/sys/fs/cgroup/cpu.max")) ?? scheduled
        return max(1, min(scheduled, quota))
    }

    /// The bits of `Cpus_allowed:` (proc_pid_status(5)): hexadecimal words with commas between them.
    static func allowed(in status: String) -> Int? {
        let name = "\nCpus_allowed:"
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(name.dropFirst()) }) else {
            return nil
        }
        return line.dropFirst(name.count - 1).utf8.reduce(0) { $0 + Int($1.hexValue?.nonzeroBitCount ?? 0) }
    }

    /// `QUOTA PERIOD` of `cpu.max`, rounded up; nil for `max`.
    static func share(in text: String) -> Int? {
        let numbers = text.split { $0 == " " || $0 == "\n" }.map { Int($0) }
        guard numbers.count == 2, let quota = numbers[0], let period = numbers[1], quota > 0, period > 0 else {
            return nil
        }
        return (quota - 1) / period + 1
    }

    private static func text(of path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: maximumLength)
        let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        return String(decoding: bytes[..<max(0, count)], as: UTF8.self)
    }
}
