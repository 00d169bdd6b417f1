internal import Glibc

/// Names the owner of a file where the ownership is why this user may not use it: "Permission denied" alone sends an operator to the wrong file.
package enum ForeignFile {
    /// - Parameter number: why the system refused the path.
    /// - Returns: the system's words, and behind them whose the file is where that is why.
    package static func reason(_ path: String, _ number: Int32 = errno) -> String {
        let words = String(cString: strerror(number))
        return number == EACCES || number == EPERM ? words + owner(of: path) : words
    }

    /// - Returns: words to put behind the reason. Empty for a file that is this user's own, or that this user may read and write.
    package static func owner(of path: String) -> String {
        var place = path
        var status = stat()
        // A file in a folder that this user may not search cannot be examined. The folder's owner is named instead.
        while stat(place, &status) != 0 {
            guard errno == EACCES, let slash = place.lastIndex(of: "/"), slash > place.startIndex else { return "" }
            place = String(place[..<slash])
        }
        let user = geteuid()
        guard status.st_uid != user, access(place, R_OK | W_OK) != 0 else { return "" }
        return "; \(place) belongs to uid \(status.st_uid), and this process runs as uid \(user)"
    }
}
