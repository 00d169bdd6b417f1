internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer

/// Checks of the spool of audit events, and of their sink.
extension Doctor {
    func auditSink() -> [Finding] {
        switch configuration.audit.sink {
        case .none:
            return [Finding(.auditSink, .warn, "none: events stay in the spool", advice: "set audit.sink to keep them")]
        case .stdout: return [Finding(.auditSink, .ok, "standard output")]
        case .sqlite(let path):
            guard FileStatus(path) != nil else {
                let folder = FileStatus.folder(of: path)
                guard FileStatus(folder)?.isWritable ?? false else {
                    return [
                        Finding(.auditSink, .fail, "\(folder) cannot be written", advice: "make it, owned by this user")
                    ]
                }
                return [Finding(.auditSink, .ok, "\(path) will be made with the first event")]
            }
            return [archive()]
        case .postgres: return [archive()] + clock()
        }
    }

    /// A database that cannot be read is reported by ``archive()``.
    private func clock() -> [Finding] {
        let asked = ContinuousClock.now
        let time = try? AuditAssembly.archive(configuration.audit, isUntouched: true).clock()
        return time.map { [clock(.audit, ClockReading($0, asked: asked))] } ?? []
    }

    private func archive() -> Finding {
        let advice = "the spool keeps events until the sink takes them"
        do {
            let archive = try AuditAssembly.archive(configuration.audit, isUntouched: true)
            if let words = try archive.splitTrouble() { return Finding(.auditSink, .fail, words, advice: "run that") }
            if let words = try archive.encodingTrouble() {
                let advice = "make a database with ENCODING 'UTF8' and copy with `gatehouse audit migrate`"
                return Finding(.auditSink, .fail, words, advice: advice)
            }
            return Finding(.auditSink, .ok, "can be read")
        } catch let error as AuditError {
            // A database without events is one that nothing has happened in yet.
            guard error.code != .empty else { return Finding(.auditSink, .ok, "holds no events yet") }
            return Finding(.auditSink, .fail, error.description, advice: advice)
        } catch {
            let error = error as? GatehouseError
            return Finding(.auditSink, .fail, error?.message ?? "cannot be opened", advice: error?.hint ?? advice)
        }
    }

    func spool() -> [Finding] {
        let path = configuration.audit.spool
        guard let folder = FileStatus(path) else {
            let parent = FileStatus.folder(of: path)
            guard FileStatus(parent)?.isWritable ?? false else {
                let advice = "make \(path), owned by this user, mode 0700"
                return [Finding(.spool, .fail, "\(path) is not there and \(parent) cannot be written", advice: advice)]
            }
            return [Finding(.spool, .ok, "\(path) will be made")]
        }
        guard folder.isDirectory, folder.isWritable else {
            let advice = "chown it to this user; without it requests are refused as audit_unavailable"
            return [Finding(.spool, .fail, "\(path) cannot be written", advice: advice)]
        }
        guard folder.mode & 0o022 == 0 else {
            return [
                Finding(.spool, .fail, "\(path) has mode \(folder.octal)", advice: "chmod 0700: others may write it")
            ]
        }
        guard let free = FileStatus.freeBytes(at: path) else { return [Finding(.spool, .ok, path)] }
        let words = "\(StatusWords.bytes(Int(clamping: free))) free at \(path)"
        let advice = "make room: events that cannot be spooled stop requests (audit.on_failure)"
        if free < Self.noSpace { return [Finding(.spool, .fail, words, advice: advice)] }
        if free < Self.lowSpace { return [Finding(.spool, .warn, words, advice: advice)] }
        return [Finding(.spool, .ok, words)]
    }
}
