internal import ArgumentParser
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Validate the configuration.",
        discussion:
            "Prints nothing and exits 0, or says everything that is wrong and exits 78. A warning leaves the file usable."
    )

    @OptionGroup var file: ConfigurationOption
    @OptionGroup var form: FormOption

    @Flag(name: .long, help: "Print the effective configuration as YAML, defaults filled in and without secrets.")
    var print = false

    @Flag(name: .long, help: "Take warnings for errors.")
    var strict = false

    func run() throws {
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
