internal import AccessIdentity
package import CurlClient
package import GatehouseCore

/// The identity endpoint of an issuer, over the network.
package enum IdentityEndpoint {
    /// The cookie that carries the assertion.
    static let cookie = "CF_Authorization"

    /// Asks about the person of an assertion. Redirects are not followed: the assertion goes to this URL and nowhere else.
    static func ask(
        _ url: WebURL,
        with assertion: Secret,
        within time: Duration
    ) async throws -> IdentitySource.Response {
        let response = try await CurlClient().perform(request(url, assertion, within: time))
        return IdentitySource.Response(status: response.status, body: response.body.bytes)
    }

    /// Asks without an assertion, whether something answers.
    ///
    /// - Returns: the status.
    package static func ask(_ url: WebURL) async throws(CurlError) -> Int {
        try await CurlClient().perform(request(url, nil, within: IdentitySource.timeout)).status
    }

    private static func request(_ url: WebURL, _ assertion: Secret?, within time: Duration) -> CurlRequest {
        var headers = [CurlHeader("Accept", "application/json")]
        if let assertion {
            headers.append(CurlHeader("Cookie", prefix: cookie + "=") { use in assertion.withUnsafeBytes { use($0) } })
        }
        var request = CurlRequest(url.text, headers: headers)
        request.timeout = time
        request.connectTimeout = min(time, CurlRequest.defaultConnectTimeout)
        request.maximumBody = IdentityAnswer.maximumBytes
        return request
    }
}
