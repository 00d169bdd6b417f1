internal import ArgumentParser
internal import GatehouseCore
internal import GatehouseTokens
internal import Glibc

struct Key: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make and change the master keys that seal tokens.",
        subcommands: [Generate.self, Rotate.self]
    )

    struct Generate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a master key.",
            discussion: "Whoever has it can read every token that is sealed under it; without it they are lost."
        )

        @OptionGroup var form: FormOption
        @Option(
            name: .long,
            help: ArgumentHelp(
                "Write it to a new file with mode 0600 instead of standard output.",
                valueName: "path"
            )
        )
        var out: String?

        func run() throws {
            let key = MasterKey.generate()
            if let out { try write(key, to: out) }
            guard form.json else {
                if let out {
                    Terminal.say("gatehouse: \(key) is in \(out.visible)")
                } else {
                    key.encoded.withUnsafeBytes { DataOutput.standard.write(Array($0) + [0x0A]) }
                }
                return
            }
            var json = JSONText()
            json.object { json in
                json.string("id", key.id.description)
                if let out {
                    json.string("path", out)
                } else {
                    json.string("key", key.encoded.withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
                }
            }
            Terminal.print(json)
        }

        private func write(_ key: MasterKey, to path: String) throws(CommandFailure) {
            let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else {
                throw CommandFailure(
                    "\(path) cannot be made: \(String(cString: strerror(errno)))",
                    hint: errno == EEXIST ? "a key is never overwritten: name a new file" : nil
                )
            }
            defer { close(descriptor) }
            var failure = key.encoded.withUnsafeBytes { DataOutput.write($0, to: descriptor) }
            if failure == 0, fsync(descriptor) != 0 { failure = errno }
            guard failure == 0 else {
                // Half a key is of no use, and would keep a second try from its name.
                unlink(path)
                throw CommandFailure("\(path) cannot be written: \(String(cString: strerror(failure)))")
            }
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put every row of a store under the first of its master keys.",
            discussion: "May be stopped and run again, and run beside a serving instance that has both keys."
        )

        @OptionGroup var place: Token.Place
        @OptionGroup var form: FormOption

        func run() async throws {
            guard let store = try place.open() as? SealedTokenStore else {
                throw CommandFailure("the store seals nothing", hint: "name a sealed store with --store")
            }
            let report = try await store.rewrap()
            for problem in report.problems { Terminal.error("token '\(problem.name)': \(problem.error.message)") }
            if form.json {
                var json = JSONText()
                json.object { json in
                    json.number("rewrapped", report.rewrapped)
                    json.number("already_current", report.alreadyCurrent)
                    json.array("problems") { list in
                        for problem in report.problems {
                            list.object { entry in
                                entry.string("name", problem.name.text)
                                entry.string("problem", problem.error.message)
                            }
                        }
                    }
                }
                Terminal.print(json)
            } else {
                Terminal.print(
                    "\(report.rewrapped) rows re-wrapped, \(report.alreadyCurrent) were under the first key already"
                )
            }
            if !report.problems.isEmpty { throw CommandFailure("\(report.problems.count) tokens do not open") }
        }
    }
}
