import CurlClient
import Foundation
import GatehouseTestSupport
import Testing

/// An MCP server made with the official SDK or with fastmcp, on loopback.
final class MCPServer: Sendable {
    enum Kind: String, Sendable {
        case streamable
        /// Streamable HTTP with an event store: clients may come back with `Last-Event-ID`.
        case resumable
        /// The legacy HTTP+SSE transport.
        case sse
    }

    let sdk: SDK
    let kind: Kind
    let port: Int
    private let process: ChildProcess

    /// The legacy transport names its second address from here on.
    var root: String { "http://127.0.0.1:\(port)" }
    var url: String { "\(root)\(kind == .sse ? "/sse" : "/mcp")" }

    /// - Parameter publicHost: the only `Host` that it admits; any without it.
    static func start(
        _ sdk: SDK,
        _ kind: Kind = .streamable,
        framework: Framework = .sdk,
        publicHost: String? = nil
    ) async throws -> MCPServer {
        let environment = ["PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"]
        let options =
            ["--framework", framework.rawValue, "--transport", kind.rawValue]
            + (publicHost.map { ["--public-host", $0] } ?? [])
        let process = try ChildProcess(
            try Tools.python(sdk),
            [Tools.script("server.py")] + options,
            environment: environment
        )
        let ready = try JSON(parsing: try await process.firstLine())
        #expect(ready["sdk"].text == sdk.rawValue)
        return MCPServer(sdk: sdk, kind: kind, port: try #require(ready["port"].number), process: process)
    }

    private init(sdk: SDK, kind: Kind, port: Int, process: ChildProcess) {
        self.sdk = sdk
        self.kind = kind
        self.port = port
        self.process = process
    }

    /// Every request that has arrived since the start or the last reset.
    func received() async throws -> [Received] {
        let response = try await CurlClient().perform(CurlRequest("http://127.0.0.1:\(port)/_received"))
        return try JSON(parsing: response.body.text).elements.map(Received.init)
    }

    func reset() async throws {
        _ = try await CurlClient().perform(CurlRequest("http://127.0.0.1:\(port)/_reset", method: "POST"))
    }

    struct Received: Sendable {
        let method: String
        let path: String
        let query: String
        let headers: [(name: String, value: String)]
        let body: String
        /// Whether the server's side has seen the client go.
        let isDisconnected: Bool

        init(_ json: JSON) {
            method = json["method"].text ?? ""
            path = json["path"].text ?? ""
            query = json["query"].text ?? ""
            headers = json["headers"].elements.map { ($0.elements[0].text ?? "", $0.elements[1].text ?? "") }
            body = json["body"].text ?? ""
            isDisconnected = json["disconnected"] == .bool(true)
        }

        /// Every value of that field.
        func values(_ name: String) -> [String] { headers.filter { $0.name == name.lowercased() }.map(\.value) }
    }
}

/// The library that a server or client is made with. fastmcp stands beside the newer SDK.
enum Framework: String, Sendable {
    case sdk
    case fastmcp
}

/// The official SDK's client, or fastmcp's, run once over its script.
enum MCPClient {
    enum Mode: String, Sendable {
        /// The initialize handshake: to 2025-11-25.
        case legacy
        /// Stateless: 2026-07-28.
        case modern
        /// Probes for the new era and falls back.
        case auto
    }

    /// Runs client.py and returns its output.
    static func run(
        _ sdk: SDK,
        _ mode: Mode,
        url: String,
        assertion: String? = nil,
        headers: [String: String] = [:],
        framework: Framework = .sdk
    ) async throws -> JSON {
        var arguments = [Tools.script("client.py"), url, "--mode", mode.rawValue, "--framework", framework.rawValue]
        if url.hasSuffix("/sse") { arguments += ["--transport", "sse"] }
        var environment = ["PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"]
        for (name, value) in headers { arguments += ["--header", "\(name)=\(value)"] }
        if let assertion {
            arguments += ["--assertion-from-env", "ASSERTION"]
            environment["ASSERTION"] = assertion
        }
        let process = try ChildProcess(try Tools.python(sdk), arguments, environment: environment)
        guard await process.exit() == .code(0) else {
            throw ChildProcess.Failure(description: "the client failed: \(await process.errors.whole)")
        }
        return try JSON(parsing: await process.output.whole)
    }
}

/// A certs URL that serves a file, over TLS with an authority of its own when asked.
final class CertsServer: Sendable {
    let url: String
    let port: Int
    /// The authority's certificate, nil without TLS.
    let authority: String?
    private let process: ChildProcess

    /// - Parameter commonName: the name that its certificate has in its common name alone, in place of its address.
    static func start(
        _ folder: Tools.Folder,
        _ keys: [TestIssuer.Key],
        tls: Bool = false,
        commonName: String? = nil
    ) async throws -> CertsServer {
        try folder.write(String(decoding: TestIssuer.jwkSet(keys), as: UTF8.self), to: "certs.json")
        let arguments =
            [Tools.script("certs.py"), "\(folder.path)/certs.json"] + (tls ? [folder.path] : [])
            + (commonName.map { [$0] } ?? [])
        let process = try ChildProcess(try Tools.python(.two), arguments)
        let ready = try JSON(parsing: try await process.firstLine())
        let authority = tls ? "\(folder.path)/authority.pem" : nil
        return CertsServer(port: try #require(ready["port"].number), authority: authority, process: process)
    }

    private init(port: Int, authority: String?, process: ChildProcess) {
        self.port = port
        self.authority = authority
        url = "\(authority == nil ? "http" : "https")://127.0.0.1:\(port)/cdn-cgi/access/certs"
        self.process = process
    }
}
