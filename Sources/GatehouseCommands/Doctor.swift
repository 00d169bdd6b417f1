internal import ArgumentParser
internal import GatehouseCore
internal import GatehouseOperations
internal import GatehouseServer

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look at everything that the configuration rests on, and say what to do.",
        discussion: """
            One line each: ok, warn or FAIL. Exits 1 when anything fails, 0 otherwise. Changes nothing. Run it as the user and in the \
            place that `serve` runs in. What each line means stands in docs/OAUTH_TROUBLESHOOTING.md under the name in brackets.

            With --public-url it also looks from outside; $CF_ACCESS_CLIENT_ID and $CF_ACCESS_CLIENT_SECRET let it open an event \
            stream there.
            """
    )

    @OptionGroup var file: ConfigurationOption
    @OptionGroup var form: FormOption

    @Option(
        name: .long,
        help: ArgumentHelp("The address that clients use, to look from outside.", valueName: "url")
    )
    var publicURL: String?

    func validate() throws {
        guard publicURL?.hasPrefix("https://") ?? true else {
            throw ValidationError("--public-url starts with https://")
        }
    }

    func run() async throws {
        let doctor = Doctor(try file.load(needing: []), path: file.path, publicURL: publicURL)
        var findings: [Finding] = []
        await doctor.examine { finding in
            findings.append(finding)
            if !form.json {
                for line in lines(finding) { Terminal.print(line.visible) }
                DataOutput.standard.flush()
            }
        }
        if form.json { Terminal.print(json(findings)) }
        let failed = findings.count { $0.verdict == .fail }
        if failed > 0 { throw CommandFailure("\(failed) of \(findings.count) lines failed") }
    }

    private func lines(_ finding: Finding) -> [String] {
        let verdict = finding.verdict.rawValue
        let gap = String(repeating: " ", count: 6 - verdict.utf8.count)
        let subject = finding.subject.isEmpty ? "" : "\(finding.subject): "
        var line = "\(verdict)\(gap)\(finding.probe.rawValue): \(subject)\(finding.detail)"
        if finding.verdict != .ok { line += " [\(finding.probe.runbook)]" }
        return [line] + (finding.advice.map { ["      -> \($0)"] } ?? [])
    }

    private func json(_ findings: [Finding]) -> JSONText {
        var json = JSONText()
        json.object { json in
            json.bool("healthy", !findings.contains { $0.verdict == .fail })
            json.array("findings") { list in
                for finding in findings {
                    list.object { finding.write(to: &$0) }
                }
            }
        }
        return json
    }
}
