internal import Glibc

/// Releases the code that only the start needed.
///
/// The kernel maps code in windows around what is called, so a start leaves nearly the whole program resident: 17 MB of which a running instance
/// needs a few. A page that is used again comes back from the page cache.
enum StartupPages {
    static func release() {
        guard let maps = fopen("/proc/self/maps", "re") else { return }
        defer { fclose(maps) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while getline(&line, &capacity, maps) > 0 {
            guard let line, let range = codeRange(String(cString: line)) else { continue }
            // Never written to, so dropping a page loses nothing.
            madvise(UnsafeMutableRawPointer(bitPattern: range.lowerBound), range.count, MADV_DONTNEED)
        }
    }

    /// The addresses of a line of proc_pid_maps(5) that maps code of a file, nil for every other line. Read-only data is left alone:
    /// the loader has written relocations into some of it.
    static func codeRange(_ line: String) -> Range<UInt>? {
        let fields = line.split(separator: " ", omittingEmptySubsequences: true)
        guard fields.count >= 6, fields[1] == "r-xp", fields[5].hasPrefix("/") else { return nil }
        let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
        guard ends.count == 2, ends[0] < ends[1] else { return nil }
        return ends[0]..<ends[1]
    }
}
