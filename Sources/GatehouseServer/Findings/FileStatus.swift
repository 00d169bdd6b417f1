package import Glibc

/// The file system's status of a path.
package struct FileStatus {
    package let mode: mode_t
    package let isDirectory: Bool
    package let isRegular: Bool
    package let owner: uid_t
    /// Whether no name leads to the file any more: one that is mounted by itself and was replaced outside.
    package let isUnlinked: Bool
    package let isReadable: Bool
    package let isWritable: Bool

    /// Nil when there is nothing at the path.
    package init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        mode = status.st_mode & 0o777
        isDirectory = status.st_mode & S_IFMT == S_IFDIR
        isRegular = status.st_mode & S_IFMT == S_IFREG
        owner = status.st_uid
        isUnlinked = status.st_nlink == 0
        isReadable = access(path, R_OK) == 0
        isWritable = access(path, W_OK) == 0
    }

    /// The mode as `ls` and `chmod` write it: `0640`.
    package var octal: String {
        let digits = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    /// Bytes that this user may still write to the file system of a path; nil when it cannot be asked.
    package static func freeBytes(at path: String) -> Int64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return Int64(
            clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue
        )
    }

    /// The path of the folder that something lies in.
    package static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
