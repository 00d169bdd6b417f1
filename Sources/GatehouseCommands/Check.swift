internal import ArgumentParser
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Validate the configuration.",
        discussion:
            """
            Prints nothing and exits 0, or says everything that is wrong and exits 78. A warning leaves the file usable. With --against it \
            prints what the file changes: a line with + for what callers gain, with - for what they lose, with ~ for what stands behind a \
            route. It then exits 1 when there is a line with + or ~, for CI.
            """
    )

    @OptionGroup var file: ConfigurationOption
    @OptionGroup var form: FormOption

    @Flag(name: .long, help: "Print the effective configuration as YAML, defaults filled in and without secrets.")
    var print = false

    @Flag(name: .long, help: "Take warnings for errors.")
    var strict = false

    @Option(
        name: .long,
        help: ArgumentHelp("Say who gains and who loses what over this file.", valueName: "path"),
        completion: .file()
    )
    var against: String?

    func validate() throws {
        guard against == nil || !print else { throw ValidationError("--print and --against exclude each other") }
    }

    func run() throws {
        if let against { return try compare(to: against) }
        let outcome: Result<Configuration, ConfigurationError>
        do throws(ConfigurationError) {
            outcome = .success(try read())
        } catch {
            outcome = .failure(error)
        }
        if form.json { Terminal.print(json(outcome)) }
        switch outcome {
        case .success(let configuration):
            for warning in warnings(configuration) { Terminal.say(warning.description) }
            // It ends with a line end of its own.
            if print, !form.json { DataOutput.standard.write(Array(configuration.effective.utf8)) }
        case .failure(let error):
            throw CommandFailure(error)
        }
    }

    private func compare(to path: String) throws {
        let old = try ConfigurationOption.load(path, warn: { _ in })
        let comparison: AccessComparison
        do throws(ConfigurationError) { comparison = AccessComparison(from: old, to: try read()) } catch {
            throw CommandFailure(error)
        }
        let lists = [
            ("gains", "+", comparison.gains.map(\.description)), ("losses", "-", comparison.losses.map(\.asLoss)),
            ("changes", "~", comparison.changes.map(\.description)),
        ]
        if form.json {
            var json = JSONText()
            json.object { json in
                for (name, _, lines) in lists {
                    json.array(name) { list in for line in lines { list.string(nil, line) } }
                }
            }
            Terminal.print(json)
        } else {
            for (_, mark, lines) in lists { for line in lines { Terminal.print("\(mark) \(line)".visible) } }
        }
        // The lines say why.
        guard comparison.gains.isEmpty, comparison.changes.isEmpty else { throw CommandFailure(.failed, lines: []) }
    }

    private func read() throws(ConfigurationError) -> Configuration {
        do throws(ConfigurationError) {
            let configuration = try Configuration.read(path: file.path)
            let warnings = warnings(configuration)
            guard !strict || warnings.isEmpty else { throw ConfigurationError(.invalid, warnings) }
            return configuration
        } catch {
            throw strict ? ConfigurationError(error.code, error.diagnostics.map(\.asError)) : error
        }
    }

    /// The warnings that the file gives rise to, and the environment.
    private func warnings(_ configuration: Configuration) -> [Diagnostic] {
        configuration.warnings
            + ShortSecrets.inEnvironment(of: configuration).map { short in
                Diagnostic(
                    .warning,
                    file: file.path,
                    message:
                        "the token '\(short.name)' ($\(short.variable)) has under \(Reflection.shortestSecret) bytes: answers are not searched for it",
                    hint: "have a longer one made"
                )
            }
    }

    private func json(_ outcome: Result<Configuration, ConfigurationError>) -> JSONText {
        let configuration = try? outcome.get()
        let diagnostics =
            switch outcome {
            case .success(let configuration): warnings(configuration)
            case .failure(let error): error.diagnostics
            }
        var json = JSONText()
        json.object { json in
            json.bool("valid", configuration != nil)
            json.array("diagnostics") { list in
                for diagnostic in diagnostics { list.object { diagnostic.write(to: &$0) } }
            }
            if print, let configuration { json.string("effective", configuration.effective) }
        }
        return json
    }
}

extension Diagnostic {
    fileprivate func write(to json: inout JSONText) {
        json.string("severity", severity.rawValue)
        json.string("file", file)
        json.number("line", line)
        json.number("column", column)
        json.string("message", message)
        if let hint { json.string("hint", hint) }
    }
}
