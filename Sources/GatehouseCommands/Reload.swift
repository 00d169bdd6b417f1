internal import ArgumentParser
internal import GatehouseCore
internal import GatehouseServer

struct Reload: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Have the running instance read its configuration again, and say what changed.",
        discussion: """
            Exits 0 when the file is in force; 1 when it is held or cannot be put in force, 78 when it has errors: the old one \
            then goes on. A file that lets somebody do more is held when it may be half of one, or when the configuration says \
            `reload: { widening: confirm }`; --yes says that it is meant.
            """
    )

    @OptionGroup var file: ConfigurationOption
    @OptionGroup var form: FormOption
    @Flag(name: .long, help: "Take the file also when it widens access.")
    var yes = false

    func run() async throws {
        let outcome = try await InstanceCall.running(configuration: file.path).reload(isConfirmed: yes)
        if form.json { Terminal.print(outcome.json) } else { show(outcome) }
        switch outcome.result {
        case .taken: break
        case .held:
            let hint = outcome.secondsLeft.map { "it is taken when it has been the same for \($0) s more; " } ?? ""
            throw CommandFailure(
                "the file is held, the old one goes on: \(outcome.problems.joined(separator: "; "))",
                hint: "\(hint)gatehouse reload --yes takes it now"
            )
        case .invalid: throw CommandFailure(.badConfiguration, lines: outcome.problems.map(\.visibleLines))
        case .refused:
            throw CommandFailure(
                "not reloaded, the old configuration goes on: \(outcome.problems.joined(separator: "; "))"
            )
        }
    }

    private func show(_ outcome: ReloadOutcome) {
        for warning in outcome.warnings { Terminal.say(warning.visibleLines) }
        if outcome.result == .taken || outcome.result == .held {
            let lists = [
                ("", outcome.changes), ("wider: ", outcome.gains), ("narrower: ", outcome.losses),
                ("waits for a restart: ", outcome.waiting),
            ]
            for (lead, list) in lists { for line in list { Terminal.print("\(lead)\(line)".visible) } }
            if lists.allSatisfy(\.1.isEmpty) { Terminal.print("nothing changed") }
        }
    }
}
