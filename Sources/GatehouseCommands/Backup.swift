internal import ArgumentParser
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseOperations
internal import GatehouseServer

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Save what this installation keeps in files into one archive, while it serves.",
        discussion: """
            One tar a run, mode 0600: token databases, break-glass credentials and the audit as they are at one moment, the \
            configuration, the machine's own key sealed under the master key, and a manifest with digests. What is not in it is said on \
            standard error: master keys, and what PostgreSQL, Infisical or Vault keep.
            """
    )

    @OptionGroup var file: ConfigurationOption
    @OptionGroup var form: FormOption
    @Argument(help: "The folder; it is made when it is not there.")
    var folder: String

    func run() async throws {
        let configuration = try file.load(needing: [.store, .audit], whole: [.stores])
        let backup = Backup(configuration, version: Version.text)
        let outcome = try await backup.write(to: folder, at: SystemClock().now())
        if form.json {
            var json = JSONText()
            json.object { json in
                json.string("archive", outcome.path)
                json.array("files") { list in
                    for file in outcome.manifest.files {
                        list.object { entry in
                            entry.string("name", file.name)
                            entry.number("bytes", file.size)
                            entry.string("sha256", file.sha256)
                        }
                    }
                }
                json.array("left_out") { list in for words in outcome.manifest.leftOut { list.string(nil, words) } }
            }
            Terminal.print(json)
        } else {
            Terminal.print(outcome.path.visible)
        }
        for words in outcome.manifest.leftOut { Terminal.say("gatehouse: not in it: \(words.visible)") }
    }
}

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Put a backup back, after everything in it was verified.",
        discussion: """
            The configuration that is here says where the files go and has the master keys; the one in the archive is only kept there. No \
            instance may run. Nothing changes before digests, seal, databases and keys are good and somebody said yes; files that were \
            there stay beside, ending in .before- and the time.
            """
    )

    @OptionGroup var file: ConfigurationOption
    @Argument(help: "An archive, or a folder whose newest one is meant.")
    var place: String
    @Flag(name: .long, help: "Do not ask.")
    var yes = false

    func run() async throws {
        let configuration = try file.load(needing: [.store, .audit], whole: [.stores])
        if (try? InstanceCall.running(configuration: file.path)) != nil {
            throw CommandFailure("an instance runs", hint: "stop it first: it would go on writing to the old files")
        }
        let restore = try Restore(place, configuration)
        let steps = try restore.stage()
        Terminal.say(
            "gatehouse: \(restore.archive.visible), made \(restore.manifest.madeAt.rfc3339) by \(restore.manifest.version.visible)"
        )
        if restore.isGenuine == nil { Terminal.warning("it has no seal: nothing shows who made it") }
        for step in steps { Terminal.say("gatehouse: \(step.replaces ? "replaces" : "makes") \(step.target.visible)") }
        for file in restore.unplaced where file.role != .configuration {
            Terminal.warning("\(file.name.visible) has no place in this configuration and stays in the archive")
        }
        guard yes || isMeant() else {
            restore.discard(steps)
            throw CommandFailure("nothing was changed", hint: "--yes does not ask")
        }
        let ending = try restore.apply(steps, at: SystemClock().now())
        for step in steps { Terminal.print(step.target.visible) }
        if steps.contains(where: \.replaces) {
            Terminal.say("gatehouse: what was there is beside it, ending in \(ending)")
        }
        for words in restore.manifest.leftOut { Terminal.say("gatehouse: was not in it: \(words.visible)") }
    }

    private func isMeant() -> Bool {
        guard Terminal.isInteractive else { return false }
        Terminal.ask("Go on? [y/N] ")
        let answer = readLine() ?? ""
        return ["y", "yes"].contains(answer.lowercased())
    }
}
