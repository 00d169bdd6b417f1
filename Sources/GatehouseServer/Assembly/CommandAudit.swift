package import GatehouseAudit
package import GatehouseConfig
internal import GatehouseCore
internal import Glibc

/// Records in the audit what a command changed.
///
/// A command is a process of its own, so it writes a chain of its own, in a folder below the spool that a running instance looks after as it does
/// after those of ended instances. What the sink does not take now, the instance brings to it later. Where the spool is another user's, or on another
/// machine, the folder is a temporary one, and the sink takes the event now or never.
package enum CommandAudit {
    /// How long a command waits for the sink, and for a folder that another process holds.
    private static let patience: Duration = .seconds(5)

    /// - Returns: why the audit does not have it; nil when it has, or keeps nothing.
    package static func record(_ change: AuditChange, _ configuration: Configuration) async -> String? {
        guard configuration.unread.isDisjoint(with: [.audit, .store]) else {
            return "its configuration could not be read"
        }
        if case .none = configuration.audit.sink { return nil }
        do {
            var settings = AuditAssembly.commandSettings(configuration, keys: try await InstanceKeys(configuration))
            guard let spool = place(configuration.audit.spool) else {
                return try recordNow(change, &settings, configuration)
            }
            let end = ContinuousClock.now + patience
            while true {
                for folder in SharedSpool.commandFolders(of: spool) {
                    settings.spool = folder
                    do throws(AuditError) {
                        _ = try record(change, settings, AuditAssembly.commandSink(configuration.audit.sink))
                        return nil
                    } catch {
                        guard error.code == .spoolInUse, ContinuousClock.now < end else { throw error }
                    }
                }
                try await Task.sleep(for: .milliseconds(50))
            }
        } catch let error as AuditError { return error.message } catch { return "\(error)" }
    }

    /// The spool, when it is this user's own or would be: an instance of another user could not read what is put there.
    private static func place(_ spool: String) -> String? {
        func isOwn(_ path: String) -> Bool? {
            var status = stat()
            return stat(path, &status) == 0 ? status.st_uid == geteuid() : nil
        }
        if let isOwn = isOwn(spool) { return isOwn ? spool : nil }
        guard let slash = spool.lastIndex(of: "/"), isOwn(String(spool[..<slash])) ?? false, mkdir(spool, 0o700) == 0
        else {
            return nil
        }
        return spool
    }

    /// Records it in a folder that is removed afterwards.
    private static func recordNow(
        _ change: AuditChange,
        _ settings: inout AuditSystem.Settings,
        _ configuration: Configuration
    ) throws -> String? {
        let advice = "run the command as the user who runs Gatehouse"
        switch configuration.audit.sink {
        case .stdout: return "the spool \(configuration.audit.spool) is not this user's: \(advice)"
        case .sqlite(let path) where access(path, F_OK) != 0: return "there is no database \(path) yet"
        case _: break
        }
        var template = Array("\(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp")/gatehouse-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { return String(cString: strerror(errno)) }
        let folder = String(cString: made)
        defer { remove(folder) }
        settings.spool = "\(folder)/spool"
        let state = try record(change, settings, AuditAssembly.commandSink(configuration.audit.sink))
        guard state.depthEvents > 0 else { return nil }
        return state.sinkTrouble.map { "\($0.message)" } ?? "the audit's sink did not take it in time"
    }

    private static func record(
        _ change: AuditChange,
        _ settings: AuditSystem.Settings,
        _ sink: sending any AuditSink
    ) throws(AuditError) -> AuditState {
        let audit = try AuditSystem(settings, sink: sink)
        let lane = try audit.lane(for: 0)
        try audit.start()
        let isRecorded = lane.record(change, at: SystemClock().now())
        audit.shutdown(within: patience)
        guard isRecorded else { throw AuditError(.spoolUnusable, "the spool \(settings.spool) does not take it") }
        return audit.state(at: SystemClock().now())
    }

    private static func remove(_ folder: String) {
        for place in ["\(folder)/spool", folder] {
            guard let directory = opendir(place) else { continue }
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                unlink("\(place)/\(name)")
            }
            closedir(directory)
            rmdir(place)
        }
    }
}
