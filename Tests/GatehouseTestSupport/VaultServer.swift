/// A ``VaultStandIn`` behind a port of 127.0.0.1.
package final class VaultServer: Sendable {
    package let standIn: VaultStandIn
    private let server: LoopbackHTTP

    package var url: String { server.url }

    /// - Parameters:
    ///   - certificate: serves TLS with it, which is its own authority.
    ///   - standIn: of another node of the same cluster.
    package static func start(
        _ certificate: TestCertificate? = nil,
        _ standIn: VaultStandIn = VaultStandIn()
    ) async throws -> VaultServer {
        let server = try await LoopbackHTTP.start(certificate) { request in
            let answer = standIn.answer(
                VaultStandIn.Request(
                    method: request.method,
                    target: request.target,
                    token: request.header("x-vault-token"),
                    namespace: request.header("x-vault-namespace"),
                    body: request.body
                )
            )
            return LoopbackHTTP.Answer(answer.status, answer.body, answer.fields)
        }
        return VaultServer(standIn: standIn, server: server)
    }

    private init(standIn: VaultStandIn, server: LoopbackHTTP) {
        self.standIn = standIn
        self.server = server
    }

    package func close() async { await server.close() }
}
