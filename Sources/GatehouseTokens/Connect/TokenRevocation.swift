internal import CurlClient
internal import GatehouseCore

/// Ends tokens at the server that gave them (RFC 7009).
package struct TokenRevocation: Sendable {
    let url: String
    let client: OAuthClient
    let reach: IssuerReach
    let authoritiesFile: String?
    var send = IssuerRequest.curl

    package init(_ url: String, client: OAuthClient, reach: IssuerReach, authoritiesFile: String? = nil) {
        self.url = url
        self.client = client
        self.reach = reach
        self.authoritiesFile = authoritiesFile
    }

    /// Ends a grant: its refresh token, with which the access tokens of the grant end at most servers (section 2.1), then its access token.
    ///
    /// - Throws: when one of them may go on living.
    package func revoke(_ grant: TokenGrant) async throws(ConnectFailure) {
        if let refresh = grant.refresh { try await revoke(refresh, "refresh_token") }
        do throws(ConnectFailure) { try await revoke(grant.access, "access_token") } catch {
            // Section 2.2.1: a server may end refresh tokens alone. The access token then ends by itself.
            guard error.code == .unsupported, grant.refresh != nil else { throw error }
        }
    }

    /// A token that the server does not know is answered like one that it has ended (section 2.2).
    private func revoke(_ token: Secret, _ kind: String) async throws(ConnectFailure) {
        var form = ClientForm()
        form.add("token", token)
        form.add("token_type_hint", kind)
        let request: CurlRequest
        do throws(RenewalFailure) {
            request = try form.request(to: url, by: client, reach: reach, authoritiesFile: authoritiesFile)
        } catch {
            throw ConnectFailure(error)
        }
        let response: CurlResponse
        do throws(CurlError) { response = try await send(request) } catch {
            throw ConnectFailure(error, "the revocation endpoint")
        }
        guard !(200..<300).contains(response.status) else { return }
        let code = TokenAnswer(response.body)?.error
        throw ConnectFailure(
            code == "unsupported_token_type" ? .unsupported : .unavailable,
            "the revocation endpoint answers \(response.status)" + (code.map { " \($0)" } ?? ""),
            hint: "end it at the vendor's own pages"
        )
    }
}

extension ConnectFailure {
    init(_ error: CurlError, _ place: String) {
        switch error.code {
        case .refusedAddress:
            self.init(
                .refusedAddress,
                "\(place) has an address that must not be asked",
                hint: "a server in a private network is named in the configuration: authorize_url and token_url"
            )
        case .tooLarge: self.init(.metadata, "the answer of \(place) is longer than \(TokenAnswer.maximumBody) bytes")
        case _: self.init(.unavailable, "\(place) does not answer: \(error.message)", hint: "try again in a minute")
        }
    }
}
