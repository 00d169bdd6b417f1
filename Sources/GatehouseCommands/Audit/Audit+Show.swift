internal import ArgumentParser
internal import GatehouseAudit
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer

extension Audit {
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Show everything about one request."
        )

        @OptionGroup var file: ConfigurationOption
        @OptionGroup var form: FormOption
        @Argument(help: "The request's id, as in X-Request-Id.")
        var request: String
        @Flag(name: .long, help: "Open the arguments that `audit.arguments: record` sealed.")
        var reveal = false

        func run() async throws {
            guard let id = RequestID(parsing: request) else {
                throw CommandFailure("'\(request)' is not a request id", hint: "32 hexadecimal digits", code: .usage)
            }
            let configuration = try file.load(needing: [.store, .audit])
            let keys = reveal ? AuditAssembly.keys(try await InstanceKeys(configuration)) : nil
            var query = AuditQuery()
            query.requestID = id
            var events: [AuditEvent] = []
            try AuditAssembly.archive(configuration.audit).events(query) { event in
                events.append(event)
                return true
            }
            guard !events.isEmpty else {
                throw CommandFailure("no event of request \(id) is in the sink", hint: "it may still be in the spool")
            }
            let revealed = try events.map { event in
                (event, try keys.flatMap { keys throws(AuditError) in try event.arguments(with: keys) })
            }
            guard !form.json else { return Terminal.print(Self.json(revealed)) }
            for (index, (event, arguments)) in revealed.enumerated() {
                if index > 0 { Terminal.print("") }
                Self.print(event, arguments, isSecret: keys == nil)
            }
        }

        private static func json(_ events: [(AuditEvent, RevealedArguments?)]) -> JSONText {
            var json = JSONText()
            json.array { list in
                for (event, arguments) in events {
                    list.object { entry in
                        event.write(to: &entry, name: "event")
                        guard let arguments else { return }
                        entry.string("arguments", String(decoding: arguments.bytes, as: UTF8.self))
                        entry.number("arguments_length", Int64(arguments.length))
                    }
                }
            }
            return json
        }

        private static func print(_ event: AuditEvent, _ arguments: RevealedArguments?, isSecret: Bool) {
            let width = AuditColumn.allCases.map(\.name.count).max() ?? 0
            func line(_ name: String, _ text: String) {
                Terminal.print(name + String(repeating: " ", count: max(1, width + 2 - name.count)) + text.visible)
            }
            for column in AuditColumn.allCases where event[column] != .none {
                guard case .sealed = event[column] else {
                    line(column.name, event[column].text)
                    continue
                }
                if let arguments {
                    line("arguments", String(decoding: arguments.bytes, as: UTF8.self))
                    if arguments.bytes.count < arguments.length {
                        line("", "(the first \(arguments.bytes.count) of \(arguments.length) bytes)")
                    }
                } else if isSecret {
                    line(column.name, "(--reveal opens them)")
                }
            }
        }
    }
}
