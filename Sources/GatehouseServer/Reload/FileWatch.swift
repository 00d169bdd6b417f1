internal import Glibc

/// Detects changes of a file by polling: whether it was written in place, renamed over the old one, or whether a symlink on its path leads elsewhere
/// now, as with a mounted ConfigMap. Polling works on every file system,
/// network and overlay mounts included, where notifications do not.
package struct FileWatch: Sendable {
    /// Time between two polls.
    package static let interval: Duration = .seconds(1)

    /// The attributes that differ after a change. `stat` follows symlinks, so they are those of the file at the end of the path.
    package struct Stamp: Hashable, Sendable {
        let device: UInt64
        let inode: UInt64
        let size: Int64
        let modified: Int64
        let changed: Int64

        /// Nil when there is nothing to look at.
        package init?(of path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec) }
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            size = Int64(status.st_size)
            modified = nanoseconds(status.st_mtim)
            changed = nanoseconds(status.st_ctim)
        }

        init(device: UInt64 = 0, inode: UInt64, size: Int64 = 0, modified: Int64 = 0, changed: Int64 = 0) {
            (self.device, self.inode, self.size, self.modified, self.changed) = (device, inode, size, modified, changed)
        }
    }

    /// The stamp of the file that was read last; nil for a file that did not exist.
    private var read: Stamp?
    /// The stamp that the last check saw, when it differed.
    private var pending: Stamp??

    /// - Parameter stamp: taken before the file was read, so that no change in between is missed.
    package init(read stamp: Stamp?) { read = stamp }

    /// One look.
    ///
    /// - Returns: whether to read the file now: it differs from what was read and has held still for one interval, because many
    ///   editors write a file in steps.
    package mutating func looked(_ stamp: Stamp?) -> Bool {
        guard stamp != read else {
            pending = nil
            return false
        }
        guard let waited = pending, waited == stamp else {
            pending = .some(stamp)
            return false
        }
        pending = nil
        read = stamp
        return true
    }
}
