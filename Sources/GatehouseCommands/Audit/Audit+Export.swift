internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseServer
internal import Glibc

extension Audit {
    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "export",
            abstract: "Write messages, the oldest first, as JSON lines or CSV.",
            discussion: """
                One line a message, as `query` has them; --events writes every event as it is stored, with its place in the chain. \
                Streams: memory does not grow with their number.
                """
        )

        @OptionGroup var filter: Filter
        @Option(name: .long, help: "jsonl or csv.")
        var format = "jsonl"
        @Flag(name: .long, help: "Every event by itself, decisions and outcomes, with hashes.")
        var events = false
        @Option(
            name: .long,
            help: ArgumentHelp(
                "Write to this file instead of standard output. It is not there before the last event is in it.",
                valueName: "path"
            )
        )
        var out: String?

        /// Events between two lines of progress.
        private static let stride = 1000

        func run() async throws {
            guard let form = AuditRenderer.Form(rawValue: format), form == .jsonLines || form == .csv else {
                throw CommandFailure("'\(format)' is not a format", hint: "jsonl or csv", code: .usage)
            }
            let (_, archive, query) = try filter.open()
            guard let out else { return try write(archive, query, form, to: .standard) }
            guard !Self.isSpecial(out) else { throw CommandFailure("\(out) is not a regular file") }
            let draft = "\(out).\(getpid()).part"
            let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else {
                throw CommandFailure("\(draft) cannot be made: \(String(cString: strerror(errno)))")
            }
            defer { close(descriptor) }
            do {
                try write(archive, query, form, to: DataOutput(descriptor, name: draft))
                guard fsync(descriptor) == 0, rename(draft, out) == 0 else {
                    throw CommandFailure("\(out) cannot be written: \(String(cString: strerror(errno)))")
                }
            } catch {
                unlink(draft)
                throw error
            }
        }

        /// A device, pipe or directory: renaming a file onto it would put it out of the way.
        private static func isSpecial(_ path: String) -> Bool {
            var information = stat()
            return stat(path, &information) == 0 && information.st_mode & S_IFMT != S_IFREG
        }

        private func write(
            _ archive: any AuditArchive,
            _ query: AuditQuery,
            _ form: AuditRenderer.Form,
            to output: DataOutput
        ) throws {
            let total =
                !Terminal.showsProgress ? 0 : events ? try archive.count(query) : try archive.messageCount(query)
            let renderer = AuditRenderer(form) { output.write($0) }
            var done = 0
            defer { if done >= Self.stride, total > 0 { Terminal.progress("") } }
            renderer.begin()
            let what = events ? "events" : "messages"
            func add(_ event: AuditEvent) -> Bool {
                renderer.add(event)
                done += 1
                if total > 0, done % Self.stride == 0 { Terminal.progress(Terminal.bar(done, of: total, what)) }
                return output.takesMore
            }
            if events { try archive.events(query, add) } else { try archive.messages(query, add) }
            try output.finish()
        }
    }
}
