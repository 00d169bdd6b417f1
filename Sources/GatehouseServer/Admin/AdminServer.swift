internal import GatehouseCore
internal import SocketLoop

/// The admin listener: health, readiness, metrics, status. Answers GET and HEAD of a few paths, and POST of those that change something, on an
/// event loop of its own.
final class AdminServer: Sendable {
    typealias Page = LocalAnswer
    typealias Request = LocalRequest
    typealias Pages = @Sendable (_ request: Request) async -> Page?

    private let server: LocalServer

    /// - Parameters:
    ///   - loop: no data plane's, so that what is asked here never delays a request.
    ///   - connections: at most ``LocalServer/Bounds/defaultConnections``.
    ///   - pages: the page that a request asks for, nil when there is none.
    /// - Throws: ``GatehouseError`` when the address cannot be had.
    static func start(
        on address: Endpoint,
        loop: EpollLoop,
        connections: Int = LocalServer.Bounds.defaultConnections,
        isShared: Bool = false,
        pages: @escaping Pages
    ) async throws -> AdminServer {
        var bounds = LocalServer.Bounds()
        bounds.connections = max(1, min(bounds.connections, connections))
        return AdminServer(
            try await LocalServer.start(on: address, loop: loop, bounds: bounds, isShared: isShared) { request in
                guard ["GET", "HEAD", "POST"].contains(request.method) else {
                    return Page(status: .methodNotAllowed, body: "only GET is served here\n")
                }
                return await pages(request) ?? Page(status: .notFound, body: "there is no such page\n")
            }
        )
    }

    private init(_ server: LocalServer) { self.server = server }

    var port: Int? { server.port }

    func close() async { await server.close() }
}

extension LocalRequest {
    /// The value of ``RunFile/keyField``.
    var runKey: String? {
        fields.first { $0.name.lowercasedASCII() == RunFile.keyField.lowercasedASCII() }?.value
    }
}
