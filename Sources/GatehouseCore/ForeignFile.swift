internal import Glibc

/// Whose a file is, where that is why this user may not use it: "Permission denied" alone sends an operator to the wrong file.
package enum ForeignFile {
    /// - Parameter number: why the system refused the path.
    /// - Returns: words to put behind the reason. Empty when the reason is another one, or when the file is this user's own.
    package static func words(_ path: String, refused number: Int32 = errno) -> String {
        guard number == EACCES || number == EPERM else { return "" }
        return words(path)
    }

    /// The same, for a library that does not tell why: of a file that this user may not read and write.
    package static func words(_ path: String) -> String {
        var place = path
        var status = stat()
        // What lies in a folder that this user may not search does not tell whose it is. The folder does.
        while stat(place, &status) != 0 {
            guard errno == EACCES, let slash = place.lastIndex(of: "/"), slash > place.startIndex else { return "" }
            place = String(place[..<slash])
        }
        let user = geteuid()
        guard status.st_uid != user, access(place, R_OK | W_OK) != 0 else { return "" }
        return "; \(place) belongs to uid \(status.st_uid), and this process runs as uid \(user)"
    }
}
