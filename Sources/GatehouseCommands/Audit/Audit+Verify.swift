internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import Glibc

extension Audit {
    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify",
            abstract: "Walk along the chain of every writer and name what is missing, altered, reordered or cut off.",
            discussion: """
                Reads the sink, and goes on in the spool of this machine where that has events that the sink has not. Exit code 0 \
                means that every chain holds.
                """
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption
        @Option(
            name: .long,
            help: ArgumentHelp(
                "A file with heads that were kept elsewhere, such as the log of `gatehouse serve`; - for standard input.",
                valueName: "path"
            )
        )
        var heads: String?
        @Flag(name: .long, help: "Verify the spool of this machine alone.")
        var spool = false

        func run() async throws {
            let configuration = try file.load(needing: [.store, .audit])
            let instance = try await InstanceKeys(configuration)
            let keys = AuditAssembly.keys(instance).chain
            let heads = try heads.map(Self.read) ?? []
            var found = AuditReport()
            if spool {
                // Instances that take over from each other have a folder each.
                let folders = SharedSpool.folders(of: configuration.audit.spool)
                found.chains = try (folders.isEmpty ? [configuration.audit.spool] : folders).map { folder in
                    try AuditVerification.verify(spool: SpoolWalk(folder), keys: keys, heads: heads)
                }
            } else {
                found = try Audit.verify(configuration, keys, heads)
            }
            if form.json {
                Terminal.print(Self.json(found))
            } else {
                for report in found.chains { Self.print(report) }
                for fault in found.faults { Terminal.print("database  \(fault.words)") }
            }
            DataOutput.standard.flush()
            if found.chains.isEmpty, !form.json { Terminal.say("gatehouse: there are no events yet") }
            guard found.holds else {
                if let strange = instance.strangeKey {
                    Terminal.hint(
                        "the key \(strange) in the spool counts for nothing; if this installation made it: gatehouse key adopt \(strange)"
                    )
                }
                for store in instance.unasked {
                    Terminal.hint("keys of retired master keys may be missing: \(store.visible)")
                }
                throw CommandFailure(
                    "the audit does not verify",
                    hint: "docs/AUDIT.md says what each finding means and what to do"
                )
            }
        }

        private static func json(_ found: AuditReport) -> JSONText {
            var json = JSONText()
            json.object { json in
                json.bool("ok", found.holds)
                json.array("chains") { list in for chain in found.chains { list.object { chain.write(to: &$0) } } }
                json.array("database") { list in for fault in found.faults { list.object { fault.write(to: &$0) } } }
            }
            return json
        }

        private static func print(_ report: ChainReport) {
            let events = report.events == 1 ? "1 event" : "\(report.events) events"
            var line = "\(report.writer.visible)  \(report.holds ? "ok" : "BROKEN")  \(events)"
            if let first = report.first, let last = report.last { line += ", \(first) to \(last)" }
            if report.messages > 0 { line += report.messages == 1 ? "; 1 message" : "; \(report.messages) messages" }
            if let pruned = report.prunedThrough { line += "; pruned through \(pruned)" }
            if report.leftOver > 0 { line += "; \(report.leftOver) of those are still there, for the next prune" }
            if let from = report.chainedFrom, report.unproven > 0 {
                line += "; the chain begins at \(from), nothing proves the \(report.unproven) before it"
            }
            if let misdated = report.misdated { line += "; \(misdated.words)" }
            if report.headsHeld > 0 {
                line += report.headsHeld == 1 ? "; 1 head agrees" : "; \(report.headsHeld) heads agree"
            }
            Terminal.print(line)
            for found in report.breaks { Terminal.print("  \(found.kind.rawValue): \(found)") }
            if report.breakCount > report.breaks.count {
                Terminal.print("  and \(report.breakCount - report.breaks.count) more")
            }
        }

        private static func read(_ path: String) throws -> [AuditHead] {
            // A pipe may be meant, as in `--heads <(zcat heads.log.gz)`. Opened without waiting, one without a writer has its end at once.
            let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
            guard descriptor >= 0 else {
                throw CommandFailure("\(path) cannot be read: \(String(cString: strerror(errno)))")
            }
            defer { if path != "-" { close(descriptor) } }
            if path != "-" { _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK) }
            guard let file = fdopen(dup(descriptor), "r") else {
                throw CommandFailure("\(path) cannot be read: \(String(cString: strerror(errno)))")
            }
            defer { fclose(file) }
            var heads: [AuditHead] = []
            var line: UnsafeMutablePointer<CChar>?
            var room = 0
            defer { free(line) }
            while getline(&line, &room, file) >= 0 {
                if let line { heads += AuditHead.all(in: String(cString: line)) }
            }
            guard ferror(file) == 0 else { throw CommandFailure("\(path) cannot be read") }
            guard !heads.isEmpty else {
                throw CommandFailure(
                    "\(path) holds no heads",
                    hint: "`gatehouse serve` logs one every minute: \"audit chain head\""
                )
            }
            return heads
        }
    }

    /// Verifies the sink with the spool beside it, showing how far it is.
    static func verify(
        _ configuration: Configuration,
        _ keys: ChainKeys,
        _ heads: [AuditHead],
        prunableBefore cutoff: Timestamp? = nil
    ) throws -> AuditReport {
        // Before the sink is opened: what it takes meanwhile is then in the one or the other.
        let spools = SharedSpool.walks(of: configuration.audit.spool)
        let archive = try AuditAssembly.archive(configuration.audit)
        return try showingProgress(through: archive) { progress in
            try AuditVerification.verify(
                archive,
                spools: spools,
                keys: keys,
                heads: heads,
                prunableBefore: cutoff,
                progress: progress
            )
        }
    }
}

extension ChainReport {
    /// Writes the members into an open object.
    fileprivate func write(to line: inout JSONText) {
        line.string("writer", writer)
        line.bool("ok", holds)
        line.number("events", Int64(events))
        line.number("messages", Int64(messages))
        if let first { line.number("first", first) }
        if let last { line.number("last", last) }
        if let chainedFrom { line.number("chained_from", chainedFrom) }
        if unproven > 0 { line.number("unproven", Int64(unproven)) }
        if let prunedThrough { line.number("pruned_through", prunedThrough) }
        if leftOver > 0 { line.number("left_over", Int64(leftOver)) }
        if let misdated {
            line.object("misdated") { events in
                events.number("first", misdated.first)
                events.string("at", misdated.at.rfc3339)
                events.number("count", Int64(misdated.count))
            }
        }
        line.number("heads_held", Int64(headsHeld))
        line.number("break_count", Int64(breakCount))
        if let first = breaks.first { first.write(to: &line, "first_break") }
    }
}

extension MisdatedEvents {
    var words: String {
        let events = count == 1 ? "1 event is" : "\(count) events are"
        return "\(events) dated ahead of now by a wrong clock, the first is \(first) (\(at.rfc3339))"
    }
}

extension StoreFault {
    fileprivate var words: String {
        kind == .unseen ? "not looked at: \(text.visible)" : "BROKEN  \(kind.rawValue): \(text.visible)"
    }

    fileprivate func write(to line: inout JSONText) {
        line.bool("ok", kind == .unseen)
        line.string("kind", kind.rawValue)
        line.string("text", text)
    }
}

extension ChainBreak {
    fileprivate func write(to json: inout JSONText, _ name: String) {
        json.object(name) { line in
            line.string("kind", kind.rawValue)
            line.number("seq", sequence)
            line.number("through", through)
            if let id { line.string("event_id", id.description) }
            if let at { line.string("at", at.rfc3339) }
            line.string("text", description)
        }
    }
}
