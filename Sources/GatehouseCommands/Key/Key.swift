internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens
internal import Glibc

struct Key: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Make and change the master keys that seal tokens.",
        subcommands: [Generate.self, Rotate.self, Adopt.self]
    )

    struct Generate: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "generate",
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
            commandName: "rotate",
            abstract: "Put every row of a store under the first of its master keys, and retire the others.",
            discussion: """
                Restart every instance with the new key in front before. May be stopped and run again, and run beside serving \
                instances that have both keys. From then on a retired key opens what was made before, and nothing newer. What the audit \
                made before needs of it is kept in the store, sealed under the new key, so that it may leave the configuration.
                """
        )

        @OptionGroup var place: Token.Place
        @OptionGroup var form: FormOption

        func run() async throws {
            guard let store = try place.open() as? SealedTokenStore else {
                throw CommandFailure("the store seals nothing", hint: "name a sealed store with --store")
            }
            let bearers = try await resealBearers()
            let adopted = try await adoptedKeys()
            var report = try await store.rewrap(
                by: Token.Record.user,
                keeping: InstanceKeys.keptPurposes.map(\.rawValue)
            )
            if report.problems.isEmpty, !report.isContested {
                report.keeps(try await store.keep(adopted, by: Token.Record.user))
            }
            for problem in report.problems { Terminal.error("token '\(problem.name)': \(problem.error.message)") }
            if form.json {
                var json = JSONText()
                json.object { json in
                    json.number("rewrapped", report.rewrapped)
                    json.number("already_current", report.alreadyCurrent)
                    json.number("bearers", bearers)
                    json.array("retired") { list in
                        for id in report.ended { list.string(nil, id.description) }
                    }
                    json.array("kept_for_audit") { list in
                        for id in report.kept { list.string(nil, id.description) }
                    }
                    json.bool("bound", report.isBoundNow)
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
                if bearers > 0 { Terminal.say("gatehouse: \(bearers) bearers were put under the first key") }
                if report.isBoundNow {
                    Terminal.say("gatehouse: every row is bound to this store: it opens in no other")
                }
                for id in report.ended {
                    Terminal.say("gatehouse: master key \(id) is retired: it opens nothing newer")
                }
                for id in report.kept {
                    Terminal.say("gatehouse: what the audit made before needs of \(id) is kept in the store")
                }
            }
            try await record(report.ended.map(\.description), report.rewrapped)
            if report.isContested {
                throw CommandFailure(
                    "another process goes on sealing under an older key: none is retired",
                    hint:
                        "put the new key first in master_keys wherever Gatehouse runs, restart it there, and run this again"
                )
            }
            if !report.problems.isEmpty {
                throw CommandFailure(
                    "\(report.problems.count) tokens do not open",
                    hint: "no key is retired before every row is under the first one"
                )
            }
        }

        /// Records what was done, also where not all of it could be.
        private func record(_ retired: [String], _ rewrapped: Int) async throws {
            guard !retired.isEmpty || rewrapped > 0 else { return }
            let configuration = try place.load()
            let name = try configuration.named(place.store).name.text
            var event = AuditChange(.keyRotate, by: .operator(Token.Record.user))
            event.target =
                "\(name): \(rewrapped) rows, retired \(retired.isEmpty ? "none" : retired.joined(separator: ", "))"
            await Token.record(event, configuration)
        }

        /// Reseals the credentials beside the live store. Those that another machine keeps are issued anew there.
        private func resealBearers() async throws -> Int {
            let configuration = try place.file.load(needing: [.store, .stores, .audit])
            guard try configuration.named(place.store).name == configuration.store.name else { return 0 }
            return try await BearerAssembly.existingFile(configuration)?.reseal() ?? 0
        }

        /// The key that this machine began with, when an operator has adopted it.
        private func adoptedKeys() async throws -> [KeptKey] {
            let configuration = try place.file.load(needing: [.store, .stores, .audit])
            guard try configuration.named(place.store).name == configuration.store.name else { return [] }
            return try await InstanceKeys.adopted(configuration)
        }
    }
}
