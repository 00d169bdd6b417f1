import Foundation
import Testing

/// A server of tools that are what a file says.
struct ChangingServer {
    private static let environment = ["PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"]

    let folder: Tools.Folder
    let process: ChildProcess
    let url: String

    init(_ sdk: SDK) async throws {
        folder = try Tools.Folder()
        try Self.write(folder)
        process = try ChildProcess(
            try Tools.python(sdk),
            [Tools.script("changing_server.py"), "\(folder.path)/tools.json"],
            environment: Self.environment
        )
        let ready = try JSON(parsing: try await process.firstLine())
        url = "http://127.0.0.1:\(try #require(ready["port"].number))/mcp"
    }

    /// The tools as they are from now on. `late` is on the second page.
    func change(shifting: String = "Shifts.", late: String = "Comes late.") throws {
        try Self.write(folder, shifting, late)
    }

    private static func write(
        _ folder: Tools.Folder,
        _ shifting: String = "Shifts.",
        _ late: String = "Comes late."
    )
        throws
    {
        try folder.write(
            """
            [[{"name":"steady","description":"Stays."},{"name":"shifting","description":"\(shifting)"}],
             [{"name":"late","description":"\(late)"}]]
            """,
            to: "new.json"
        )
        // The server reads it at any time.
        guard rename("\(folder.path)/new.json", "\(folder.path)/tools.json") == 0 else {
            throw ChildProcess.Failure(description: "the file cannot be replaced")
        }
    }

    /// What the SDK's client gets of the tools: the list, and the answer of a call of each.
    static func steps(_ url: String, _ client: SDK, _ mode: MCPClient.Mode, assertion: String) async throws -> JSON {
        let process = try ChildProcess(
            try Tools.python(client),
            [Tools.script("pinned_client.py"), url, "--assertion-from-env", "ASSERTION", "--mode", mode.rawValue],
            environment: environment.merging(["ASSERTION": assertion]) { $1 }
        )
        guard await process.exit() == .code(0) else {
            throw ChildProcess.Failure(description: "the client failed: \(await process.errors.whole)")
        }
        let answer = try JSON(parsing: await process.output.whole)
        #expect(answer["failure"] == .null, "\(answer)")
        return answer["steps"]
    }
}
