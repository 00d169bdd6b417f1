internal import GatehouseCore
internal import GatehouseServer
internal import SocketLoop

/// A small HTTP server on a free port of 127.0.0.1, for the demo's issuer and MCP server.
final class LoopbackServer: Sendable {
    typealias Request = LocalRequest
    typealias Answer = LocalAnswer

    /// Bytes of a request's body; the demo's calls are far shorter.
    static let maximumBody = 1 << 20

    let port: Int
    private let server: LocalServer

    static func start(
        on loop: EpollLoop,
        answer: @escaping @Sendable (Request) -> Answer
    ) async throws -> LoopbackServer {
        var bounds = LocalServer.Bounds()
        bounds.body = maximumBody
        let address = Endpoint.tcp(host: "127.0.0.1", port: 0)
        let server = try await LocalServer.start(on: address, loop: loop, bounds: bounds) { answer($0) }
        guard let port = server.port else { preconditionFailure("a bound TCP listener has a port") }
        return LoopbackServer(server, port: port)
    }

    private init(_ server: LocalServer, port: Int) {
        self.server = server
        self.port = port
    }

    func close() async { await server.close() }
}
