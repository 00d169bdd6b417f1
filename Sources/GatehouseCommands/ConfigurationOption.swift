internal import ArgumentParser
internal import GatehouseConfig
internal import Glibc

/// `--config`, and where the file is looked for without it.
struct ConfigurationOption: ParsableArguments {
    static let variable = "GATEHOUSE_CONFIG"
    static let places = ["config/gatehouse.yaml", "gatehouse.yaml", "/etc/gatehouse/gatehouse.yaml"]

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The configuration file (default: $GATEHOUSE_CONFIG, then config/gatehouse.yaml, gatehouse.yaml and "
                + "/etc/gatehouse/gatehouse.yaml).",
            valueName: "path"
        ),
        completion: .file()
    )
    var config: String?

    var path: String {
        if let config { return config }
        if let named = getenv(Self.variable), named.pointee != 0 { return String(cString: named) }
        return Self.places.first { access($0, F_OK) == 0 } ?? Self.places[0]
    }

    /// The same for another process, whose folder may be another one.
    var absolutePath: String {
        if path.hasPrefix("/") { return path }
        guard let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        return "\(String(cString: folder))/\(path)"
    }

    /// The configuration; its warnings go to standard error, unless said otherwise.
    ///
    /// - Throws: ``CommandFailure`` with every diagnostic and exit code 78.
    func load(warn: (String) -> Void = Terminal.say) throws(CommandFailure) -> Configuration {
        try Self.load(path, warn: warn)
    }

    /// Loads the sections that a command needs, whatever else is wrong with the file. Diagnostics of the rest go to standard error.
    ///
    /// - Parameter whole: sections of which no part may be left out.
    /// - Throws: ``CommandFailure`` with every diagnostic and exit code 78 when it concerns one of `sections`.
    func load(
        needing sections: Set<Configuration.Section>,
        whole: Set<Configuration.Section> = []
    ) throws(CommandFailure) -> Configuration {
        do throws(ConfigurationError) {
            let configuration = try Configuration.read(path: path, needing: sections, whole: whole)
            for diagnostic in configuration.warnings { Terminal.say(diagnostic.description) }
            if configuration.warnings.contains(where: { $0.severity == .error }) {
                Terminal.warning("the file has errors; what this command needs of it can be read, so it goes on")
            }
            return configuration
        } catch {
            let needed = sections.union(whole).map(\.rawValue).sorted().joined(separator: ", ")
            let failure = CommandFailure(error)
            guard error.code == .invalid, !needed.isEmpty else { throw failure }
            let hint =
                "gatehouse: hint: this command needs \(needed) of the file: mend that, or name another file with --config"
            throw CommandFailure(failure.code, lines: failure.lines + [hint])
        }
    }

    static func load(_ path: String, warn: (String) -> Void = Terminal.say) throws(CommandFailure) -> Configuration {
        do throws(ConfigurationError) {
            let configuration = try Configuration.read(path: path)
            for warning in configuration.warnings { warn(warning.description) }
            return configuration
        } catch {
            throw CommandFailure(error)
        }
    }
}

/// `--json`, on every command that prints data.
struct FormOption: ParsableArguments {
    @Flag(name: .long, help: "Print JSON.")
    var json = false
}
