internal import Glibc

/// One spool for several instances of a machine, of which one takes over from another: a spool's files belong to one process at a time, so the
/// first instance has the folder itself, and one that starts beside it a folder below, `instance-N`. Each folder is a writer with a
/// chain of its own. What an instance that has ended left in its folder is brought to the sink by one that runs (``AuditLeftovers``): it
/// holds the folder's lock meanwhile and goes on with its writer's chain, so no chain ever has two writers.
package enum SharedSpool {
    /// Instances beside each other; a further one does not start.
    static let maximumInstances = 8

    static func folder(_ number: Int, of path: String) -> String { number == 0 ? path : "\(path)/instance-\(number)" }

    /// Takes the first folder that no process holds.
    ///
    /// - Throws: as ``SpoolDirectory/init(opening:)``.
    static func claim(_ path: String) throws(AuditError) -> SpoolDirectory {
        for number in 0..<maximumInstances - 1 {
            do throws(AuditError) { return try SpoolDirectory(opening: folder(number, of: path)) } catch {
                guard error.code == .spoolInUse else { throw error }
            }
        }
        return try SpoolDirectory(opening: folder(maximumInstances - 1, of: path))
    }

    /// The folders of commands, which record what they change and end: two, so that one is free while an instance brings the rest of the other to a
    /// sink that is slow.
    package static func commandFolders(of path: String) -> [String] { ["\(path)/commands-1", "\(path)/commands-2"] }

    /// The folders in which something was ever recorded, the spool's own first.
    package static func folders(of path: String) -> [String] {
        let all = (0..<maximumInstances).map { folder($0, of: path) } + commandFolders(of: path)
        return all.filter { access("\($0)/writer", F_OK) == 0 }
    }

    /// Readers of the events that the instances of this machine have recorded and the sink may not have yet. A folder that cannot be read is left
    /// out.
    package static func walks(of path: String) -> [SpoolWalk] { folders(of: path).compactMap { try? SpoolWalk($0) } }

    /// The folders that hold events which the sink has not taken.
    static func foldersWithRest(of path: String) -> [String] {
        folders(of: path).filter { folder in
            guard let directory = try? SpoolDirectory(reading: folder) else { return false }
            // Events may stand in a ring only.
            if let rings = try? directory.rings(), !rings.isEmpty { return true }
            let taken = directory.cursor().position
            return ((try? directory.segments()) ?? []).contains { number in
                let file = directory.segment(number)
                guard let length = try? Descriptor(opening: file, O_RDONLY).length else { return false }
                return length > Segment.headerLength && taken < SpoolPosition(segment: number, offset: length)
            }
        }
    }
}
