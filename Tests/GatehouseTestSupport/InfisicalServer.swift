/// An ``InfisicalStandIn`` behind a port of 127.0.0.1.
package final class InfisicalServer: Sendable {
    package let standIn: InfisicalStandIn
    private let server: LoopbackHTTP

    package var url: String { server.url }

    /// - Parameter certificate: serves TLS with it, which is its own authority.
    package static func start(_ certificate: TestCertificate? = nil) async throws -> InfisicalServer {
        let standIn = InfisicalStandIn()
        let server = try await LoopbackHTTP.start(certificate) { request in
            let (status, body) = standIn.answer(
                request.method,
                request.target,
                authorization: request.header("authorization"),
                body: request.body
            )
            return LoopbackHTTP.Answer(status, body)
        }
        return InfisicalServer(standIn: standIn, server: server)
    }

    private init(standIn: InfisicalStandIn, server: LoopbackHTTP) {
        self.standIn = standIn
        self.server = server
    }

    package func close() async { await server.close() }
}
