import CurlClient
import GatehouseTestSupport
import Testing

@Suite("Key sets over TLS", .needsTools, .timeLimit(.minutes(1)))
struct TLSTests {
    @Test func `a certificate counts only from the authority that is named, and for the host that is asked`()
        async throws
    {
        let folder = try Tools.Folder()
        let server = try await CertsServer.start(folder, [TestIssuer.firstKey], tls: true)
        var request = CurlRequest(server.url)
        // On a busy machine a handshake takes long.
        request.timeout = .seconds(45)
        request.connectTimeout = .seconds(45)
        #expect(await code(of: request) == .tls)
        request.authoritiesFile = server.authority
        #expect(try await CurlClient().perform(request).body.bytes == TestIssuer.jwkSet([TestIssuer.firstKey]))
        request.url = "https://localhost:\(server.port)/cdn-cgi/access/certs"
        #expect(await code(of: request) == .tls)
        request.authoritiesFile = "\(folder.path)/certs.json"
        #expect(await code(of: request) == .tls)
    }

    @Test func `a certificate whose common name alone says the host is refused`() async throws {
        let folder = try Tools.Folder()
        let server = try await CertsServer.start(folder, [TestIssuer.firstKey], tls: true, commonName: "localhost")
        var request = CurlRequest("https://localhost:\(server.port)/cdn-cgi/access/certs")
        request.timeout = .seconds(45)
        request.connectTimeout = .seconds(45)
        request.authoritiesFile = server.authority
        #expect(await code(of: request) == .tls)
    }

    private func code(of request: CurlRequest) async -> CurlError.Code? {
        do throws(CurlError) {
            _ = try await CurlClient().perform(request)
            return nil
        } catch {
            return error.code
        }
    }
}
