import GatehouseCore
import Testing

@testable import GatehouseTokens

@Suite struct TokenRevocationTests {
    private func revocation(_ wire: ScriptedWire) -> TokenRevocation {
        let client = OAuthClient(id: "gatehouse", secret: .kept(Secret("s")), authentication: .post)
        var revocation = TokenRevocation("https://idp.example/revoke", client: client, reach: .configured)
        revocation.send = wire.send
        return revocation
    }

    private func grant(refresh: String?) -> TokenGrant {
        TokenGrant(
            access: Secret("a+1"),
            refresh: refresh.map { Secret($0) },
            issuedAt: Timestamp(seconds: 0),
            expiresAt: nil
        )
    }

    @Test func `a grant is ended by its refresh token, and then by its access token`() async throws {
        let wire = ScriptedWire("")
        try await revocation(wire).revoke(grant(refresh: "r"))
        #expect(wire.lines == ["POST https://idp.example/revoke", "POST https://idp.example/revoke"])
        let client = "&client_id=gatehouse&client_secret=s"
        #expect(wire.requests[0].hasSuffix("\ntoken=r&token_type_hint=refresh_token\(client)"))
        #expect(wire.requests[1].hasSuffix("\ntoken=a%2B1&token_type_hint=access_token\(client)"))
    }

    @Test func `a grant without a refresh token is ended by its access token`() async throws {
        let wire = ScriptedWire("")
        try await revocation(wire).revoke(grant(refresh: nil))
        #expect(wire.requests.count == 1)
    }

    /// RFC 7009 section 2.2.1. What ends by itself is no reason to say that a grant goes on living.
    @Test func `an access token that the server does not revoke matters only where it is all there is`() async throws {
        let wire = ScriptedWire(status: 400, #"{"error":"unsupported_token_type"}"#)
        let failure = await #expect(throws: ConnectFailure.self) {
            try await revocation(wire).revoke(grant(refresh: nil))
        }
        #expect(failure?.code == .unsupported)
    }

    @Test(arguments: [(503, "<b>"), (302, ""), (401, #"{"error":"invalid_client"}"#)])
    func `a server that does not end a token is named, and the token is not`(status: Int, body: String) async throws {
        let wire = ScriptedWire(status: status, body)
        let failure = await #expect(throws: ConnectFailure.self) {
            try await revocation(wire).revoke(grant(refresh: "very-secret"))
        }
        #expect(failure?.code == .unavailable)
        #expect(failure?.message.contains("\(status)") == true)
        #expect("\(String(describing: failure))".contains("very-secret") == false)
        #expect(wire.requests.count == 1, "the access token is left to the next try")
    }
}
