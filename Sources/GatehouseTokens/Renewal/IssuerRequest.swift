internal import CurlClient
internal import GatehouseCore

/// How issuers are asked: whoever answers is given credentials, so the connection is judged before they are sent. No redirect is followed, an
/// answer has 64 KiB and 10 s at most, and over plain http nobody but this machine is asked, whatever its name resolves to.
enum IssuerRequest {
    /// Until the whole answer is there.
    static let timeout: Duration = .seconds(10)

    typealias Send = @Sendable (CurlRequest) async throws(CurlError) -> CurlResponse

    static let curl: Send = { request throws(CurlError) in try await CurlClient().perform(request) }

    static func post(
        _ url: String,
        _ body: CurlBody,
        reach: IssuerReach = .configured,
        authoritiesFile: String?
    ) -> CurlRequest {
        limited(CurlRequest(url, method: "POST", body: body), reach, authoritiesFile)
    }

    /// For a document.
    static func get(_ url: String, reach: IssuerReach, authoritiesFile: String?) -> CurlRequest {
        limited(CurlRequest(url, headers: [CurlHeader("Accept", "application/json")]), reach, authoritiesFile)
    }

    private static func limited(
        _ request: CurlRequest,
        _ reach: IssuerReach,
        _ authoritiesFile: String?
    ) -> CurlRequest {
        var request = request
        request.timeout = timeout
        request.maximumBody = TokenAnswer.maximumBody
        request.authoritiesFile = authoritiesFile
        request.admitsAddress = reach.admitted(request.url)
        return request
    }
}
