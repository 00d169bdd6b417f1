internal import ArgumentParser
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer

struct Health: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Ask the local instance whether it is ready: for a container's HEALTHCHECK.",
        discussion: "Exits 0 when it is, else 1 and says what is missing."
    )

    @OptionGroup var file: ConfigurationOption
    @OptionGroup var form: FormOption
    @OptionGroup var instance: InstanceOption

    func run() async throws {
        let readiness = try await InstanceReadiness.ask(instance.call(file))
        if form.json {
            Terminal.print(json(readiness))
        } else {
            for check in readiness.checks {
                Terminal.print("\(check.isReady ? "ok  " : "FAIL")  \(check.name): \(check.detail)".visible)
            }
        }
        if !form.json {
            // Findings that do not stop every request. The exit code only says whether requests may be sent here, so it is 0.
            for finding in readiness.findings where readiness.isReady {
                let subject = finding.subject.isEmpty ? "" : "\(finding.subject): "
                Terminal.print("warn  \(finding.probe.rawValue): \(subject)\(finding.detail)".visible)
            }
        }
        if !readiness.isReady { throw CommandFailure("the instance is not ready") }
    }

    private func json(_ readiness: InstanceReadiness) -> JSONText {
        var json = JSONText()
        json.object { json in
            json.bool("ready", readiness.isReady)
            json.bool("degraded", readiness.isDegraded)
            json.array("checks") { list in
                for check in readiness.checks { list.object { check.write(to: &$0) } }
            }
            json.array("findings") { list in
                for finding in readiness.findings { list.object { finding.write(to: &$0) } }
            }
        }
        return json
    }
}
