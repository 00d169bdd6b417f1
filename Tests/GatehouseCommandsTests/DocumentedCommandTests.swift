import Foundation
import GatehouseCore
import GatehouseTestSupport
import Testing

/// Every command of the documents is run as it stands there, and does what the document says: it works, or fails with those words.
@Suite("The commands of the documents", .timeLimit(.minutes(5)))
struct DocumentedCommandTests {
    private static func commands(_ name: String) throws -> [DocumentedCommand] {
        let text = try String(contentsOfFile: "\(DocumentTests.root)/\(name)", encoding: .utf8)
        return DocumentedCommand.all(in: text)
    }

    @Test(arguments: DocumentTests.names)
    func `do what the document says`(name: String) async throws {
        let commands = try Self.commands(name).filter(\.isRun)
        guard !commands.isEmpty else { return }
        let keys = TestIssuer().jwkSet
        let server = try await LoopbackHTTP.start { request in
            switch request.target {
            case "/certs": LoopbackHTTP.Answer(200, keys)
            case "/whoami": LoopbackHTTP.Answer(request.header("authorization") == "Bearer wrong" ? 401 : 200, "{}")
            case "/mcp": Self.message(request)
            case _: LoopbackHTTP.Answer(404, "{}")
            }
        }
        let issuer = TestIssuer(audience: CommandFixture.audience)
        let assertion = issuer.user("ada@example.com", now: SystemClock().now().seconds)
        let reader = try CommandFixture.ofReader(server: server.url, assertion: assertion)
        func shell(_ commands: String) async throws -> Command.Outcome {
            try await reader.shell(commands, server: server.url)
        }
        let start = try await shell(
            """
            gatehouse key generate --out secrets/gatehouse_key
            gatehouse token set coda < token-file
            """
        )
        try #require(start.exit == 0, "\(start.errors)")
        try reader.recordRequests(count: 3, chained: true)
        try reader.write(try reader.auditHeads().joined(separator: "\n"), to: "heads.log")
        var prepared: Set<Int> = []
        for command in commands {
            let fails = command.fails
            for (index, preparation) in DocumentedCommand.preparations.enumerated()
            where command.line.hasPrefix(preparation.beginning) && preparation.fails == fails
                && prepared.insert(index).inserted
            {
                let outcome = try await shell(preparation.commands)
                try #require(outcome.exit == 0, "before \(command): \(outcome.errors)")
            }
            let outcome = try await shell(Self.ending(command.line))
            #expect(outcome.exit == (fails ? 1 : 0), "\(name): \(command)\n\(outcome.errors)")
            for line in command.errors {
                #expect(Self.withoutIDs(outcome.errors).contains(Self.withoutIDs(line)), "\(outcome.errors)")
            }
            for line in command.denials { #expect(outcome.output.contains(line), "\(outcome.output)") }
        }
        await server.close()
    }

    @Test func `that are not run are still in the documents`() throws {
        let all = try DocumentTests.names.flatMap { try Self.commands($0) }
        #expect(all.count > 40)
        for exception in DocumentedCommand.notRun {
            #expect(all.contains { $0.line.hasPrefix(exception.beginning) }, "\(exception)")
        }
        for preparation in DocumentedCommand.preparations {
            #expect(all.contains { $0.line.hasPrefix(preparation.beginning) }, "\(preparation.beginning)")
        }
    }

    /// Outside of a fence of `sh` or `console` nothing would run it.
    @Test(arguments: DocumentTests.names)
    func `stand in a fence that is run`(name: String) throws {
        let text = try String(contentsOfFile: "\(DocumentTests.root)/\(name)", encoding: .utf8)
        var fence: Substring?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let words = line.drop { $0 == " " }
            if words.hasPrefix("```") {
                fence = fence == nil ? words.dropFirst(3) : nil
                continue
            }
            let isCommand = words.firstMatch(
                of:
                    #/^(\$ |sudo |gatehouse [a-z]+ |docker |podman |deploy\/\S+\.sh|swift |curl |psql |ssh |systemctl )/#
            )
            guard isCommand != nil else { continue }
            let isShown = fence == nil && line.count - words.count < 4
            #expect(isShown || ["sh", "console", "yaml"].contains(fence), "\(name): \(line)")
        }
    }

    /// A command that serves is stopped as soon as it is ready; a command that calls an instance has one beside it.
    private static func ending(_ line: String) -> String {
        let asksInstance = ["gatehouse reload", "gatehouse status"].contains { line.hasPrefix($0) }
        guard asksInstance || line.hasPrefix("gatehouse serve") else { return line }
        return """
            \(asksInstance ? "gatehouse serve" : line) &
            until gatehouse health 2>health.txt; do kill -0 $!; done
            \(asksInstance ? line : "true")
            outcome=$?
            kill -TERM $!
            wait $! && exit $outcome
            """
    }

    /// An MCP server's answer to `gatehouse call`.
    private static func message(_ request: LoopbackHTTP.Request) -> LoopbackHTTP.Answer {
        let message = try? JSONSerialization.jsonObject(with: Data(request.body)) as? [String: Any]
        guard let id = message?["id"] as? Int else { return LoopbackHTTP.Answer(202, "") }
        let result =
            switch message?["method"] as? String {
            case "initialize": #"{"protocolVersion":"2025-11-25","serverInfo":{"name":"coda","version":"1"}}"#
            case "tools/list": #"{"tools":[{"name":"list_docs"}]}"#
            case _: #"{"content":[{"type":"text","text":"done"}]}"#
            }
        return LoopbackHTTP.Answer(200, "{\"jsonrpc\":\"2.0\",\"id\":\(id),\"result\":\(result)}")
    }

    /// Keys are other ones each time.
    private static func withoutIDs(_ text: String) -> String {
        text.replacing(#/[0-9a-f]{16}/#, with: "ID")
    }
}
