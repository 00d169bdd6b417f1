internal import ArgumentParser

struct Manual: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manual",
        abstract: "Print the man page, made of the help of every command.",
        discussion: "gatehouse manual > /usr/local/share/man/man1/gatehouse.1"
    )

    func run() throws {
        var lines = [
            ".TH GATEHOUSE 1 \"\" \"gatehouse \(Version.text)\" \"User Commands\"",
            ".SH NAME",
            "gatehouse \\- \(Self.text(GatehouseCommand.configuration.abstract))",
            ".SH DESCRIPTION",
        ]
        lines += Self.verbatim(GatehouseCommand.helpMessage(columns: Self.columns))
        lines.append(".SH COMMANDS")
        for command in GatehouseCommand.configuration.subcommands { lines += Self.section(command, "gatehouse") }
        lines += [".SH EXIT STATUS", "0 done, 1 failed, 64 usage, 78 bad configuration."]
        lines += [
            ".SH ENVIRONMENT", ".TP", "GATEHOUSE_CONFIG", "The configuration file, where \\-\\-config is not given.",
        ]
        DataOutput.standard.write(Array((lines.joined(separator: "\n") + "\n").utf8))
    }

    /// Columns of the help texts: what a page of 80 leaves between its margins.
    private static let columns = 72

    private static func section(_ command: any ParsableCommand.Type, _ parent: String) -> [String] {
        let name = "\(parent) \(command._commandName)"
        var lines = [".SS \(text(name))"]
        lines += verbatim(GatehouseCommand.helpMessage(for: command, columns: columns))
        for inner in command.configuration.subcommands { lines += section(inner, name) }
        return lines
    }

    /// Lines as they are.
    private static func verbatim(_ help: String) -> [String] {
        [".nf"] + help.split(separator: "\n", omittingEmptySubsequences: false).map { text(String($0)) } + [".fi"]
    }

    /// Text that troff takes for nothing else: groff_man(7) on `\`, on `-` and on lines that begin with a point.
    private static func text(_ line: String) -> String {
        let escaped = line.replacing("\\", with: "\\e").replacing("-", with: "\\-")
        return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&" + escaped : escaped
    }
}
