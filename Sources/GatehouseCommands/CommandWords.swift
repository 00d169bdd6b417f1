internal import ArgumentParser
internal import GatehouseConfig

/// The verbs at the beginning of the arguments, looked at before these are parsed: the parser takes `nosuch --help` and `help nosuch` for a
/// wish for help and exits 0, and knows no word that was meant.
enum CommandWords {
    /// - Throws: ``CommandFailure`` with exit code 64 for a verb that is missing or that there is not.
    static func check(_ arguments: [String]) throws(CommandFailure) {
        var command: any ParsableCommand.Type = GatehouseCommand.self
        var words = "gatehouse"
        var rest = arguments[...]
        var isHelp = false
        while !command.configuration.subcommands.isEmpty {
            passConfiguration(&rest)
            guard let word = rest.popFirst() else {
                if isHelp { return }
                throw missing(command, words)
            }
            // The parser's: --help, --version, a completion script, an option that there is not.
            if word.hasPrefix("-") { return }
            if word == "help", words == "gatehouse", !isHelp {
                isHelp = true
                continue
            }
            guard let next = command.configuration.subcommands.first(where: { $0._commandName == word }) else {
                throw unknown(word, command, words)
            }
            command = next
            words += " \(word)"
        }
        if isHelp, let word = rest.first(where: { !$0.hasPrefix("-") }) { throw unknown(word, command, words) }
    }

    private static func passConfiguration(_ rest: inout ArraySlice<String>) {
        while let word = rest.first {
            if word == "--config" {
                rest = rest.dropFirst(2)
            } else if word.hasPrefix("--config=") {
                rest = rest.dropFirst()
            } else {
                return
            }
        }
    }

    private static func names(_ command: any ParsableCommand.Type) -> [String] {
        command.configuration.subcommands.filter { $0.configuration.shouldDisplay }.map { $0._commandName }
    }

    private static func missing(_ command: any ParsableCommand.Type, _ words: String) -> CommandFailure {
        CommandFailure(
            .usage,
            lines: [GatehouseCommand.helpMessage(for: command), "gatehouse: error: '\(words)' needs a command"]
        )
    }

    private static func unknown(
        _ word: String,
        _ command: any ParsableCommand.Type,
        _ words: String
    ) -> CommandFailure {
        let names = names(command)
        let hint =
            Spelling.nearest(word, in: names).map { "did you mean '\(words) \($0)'?" }
            ?? (names.isEmpty ? "gatehouse help \(words.dropFirst(10))" : "commands: \(names.joined(separator: ", "))")
        return CommandFailure("'\(words)' has no command '\(word)'", hint: hint, code: .usage)
    }
}
