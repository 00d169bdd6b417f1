import Foundation

/// A part of a process's memory (proc_pid_smaps(5)).
package struct MemoryMapping {
    /// Its first line, with address, rights and file.
    package let name: String
    package let range: Range<UInt>
    package let isWritable: Bool
    /// Whether cores leave it out.
    package let isExcluded: Bool

    /// - Parameter process: as the folders of /proc are called.
    package static func all(of process: String = "self") throws -> [MemoryMapping] {
        var (all, name, range): ([MemoryMapping], String, Range<UInt>) = ([], "", 0..<0)
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/\(process)/smaps"))
        for line in String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            let ends = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            if ends.count == 2 {
                (name, range) = ("\(line)", ends[0]..<ends[1])
            } else if words[0] == "VmFlags:" {
                let isWritable = name.split(separator: " ")[1].contains("w")
                all.append(
                    MemoryMapping(name: name, range: range, isWritable: isWritable, isExcluded: words.contains("dd"))
                )
            }
        }
        return all
    }
}
