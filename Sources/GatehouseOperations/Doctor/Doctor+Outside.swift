internal import CurlClient
package import GatehouseCore
internal import GatehouseServer
internal import Glibc

/// An Access service token.
package struct ServiceToken: Sendable {
    package static let idVariable = "CF_ACCESS_CLIENT_ID"
    package static let secretVariable = "CF_ACCESS_CLIENT_SECRET"

    let id: String
    let secret: Secret

    package init(id: String, secret: Secret) {
        self.id = id
        self.secret = secret
    }

    /// Nil when one of the two variables is not set.
    package static var ofEnvironment: ServiceToken? {
        guard let id = getenv(idVariable), let secret = getenv(secretVariable) else { return nil }
        return ServiceToken(id: String(cString: id), secret: Secret(String(cString: secret)))
    }

    /// The header fields by which Access takes the service token at its edge.
    var headers: [CurlHeader] {
        [
            CurlHeader("CF-Access-Client-Id", id),
            CurlHeader("CF-Access-Client-Secret") { [secret] body in secret.withUnsafeBytes { body($0) } },
        ]
    }
}

/// Checks from outside, by the address that clients use.
extension Doctor {
    func outside(_ url: String) async -> [Finding] {
        await signIn(url) + [await isGuarded(url), await isStreaming(url)]
    }

    /// Checks that a request without credentials does not reach Gatehouse.
    private func isGuarded(_ url: String) async -> Finding {
        let response: CurlResponse
        do throws(CurlError) {
            response = try await CurlClient().perform(CurlRequest(url))
        } catch {
            let advice = "is the tunnel up, and does DNS lead to it?"
            return Finding(.publicURL, .fail, url, error.message, advice: advice)
        }
        let isOurs = response.header("x-request-id")?.utf8.count == 32
        let location = response.header("location") ?? ""
        switch response.status {
        case 300..<400 where location.contains(".cloudflareaccess.com/"):
            return Finding(.publicURL, .ok, url, "Access asks for a sign-in")
        case 401, 403:
            guard isOurs else { return Finding(.publicURL, .ok, url, "Access refuses with \(response.status)") }
            let advice = "add an Access application for this host and path: today only Gatehouse stands before the MCP"
            return Finding(
                .publicURL,
                .fail,
                url,
                "a request without sign-in comes through to Gatehouse",
                advice: advice
            )
        case 200..<300:
            let advice = "does the tunnel lead to the MCP itself, past Gatehouse?"
            return Finding(.publicURL, .fail, url, "is open to everybody: \(response.status)", advice: advice)
        case 530, 502, 503:
            let advice = "is cloudflared connected, and does its ingress name Gatehouse?"
            return Finding(.publicURL, .fail, url, "answers \(response.status)", advice: advice)
        case _:
            return Finding(.publicURL, .warn, url, "answers \(response.status)")
        }
    }

    /// Opens an event stream with a service token and waits for its first bytes.
    private func isStreaming(_ url: String) async -> Finding {
        guard let serviceToken else {
            let advice = "set \(ServiceToken.idVariable) and \(ServiceToken.secretVariable) to those of a service token"
            return Finding(.stream, .warn, url, "not looked at: no credentials", advice: advice)
        }
        let session = await openSession(url, serviceToken).map { [CurlHeader("Mcp-Session-Id", $0)] } ?? []
        let accept = CurlHeader("Accept", "text/event-stream")
        var request = CurlRequest(url, headers: serviceToken.headers + session + [accept])
        request.timeout = firstBytes
        request.isEnough = { _ in true }
        let finding: Finding
        do throws(CurlError) {
            finding = stream(url, try await CurlClient().perform(request))
        } catch {
            finding = error.code == .timeout ? held(url) : Finding(.stream, .fail, url, error.message)
        }
        if !session.isEmpty {
            let ending = CurlRequest(url, method: "DELETE", headers: serviceToken.headers + session)
            _ = try? await CurlClient().perform(ending)
        }
        return finding
    }

    /// The id of a new session; nil when the server keeps none, as from 2026-07-28 on.
    private func openSession(_ url: String, _ serviceToken: ServiceToken) async -> String? {
        let initialize = """
            {"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},\
            "clientInfo":{"name":"gatehouse doctor","version":"1"}}}
            """
        let json = [
            CurlHeader("Content-Type", "application/json"), CurlHeader("Accept", "application/json, text/event-stream"),
        ]
        var request = CurlRequest(
            url,
            method: "POST",
            headers: serviceToken.headers + json,
            body: CurlBody(initialize)
        )
        request.isEnough = { _ in true }
        return try? await CurlClient().perform(request).header("mcp-session-id")
    }

    private func stream(_ url: String, _ response: CurlResponse) -> Finding {
        let type = response.header("content-type") ?? ""
        guard response.status == 200, type.lowercased().hasPrefix("text/event-stream") else {
            return Finding(.stream, .warn, url, "the upstream opens no event stream: \(response.status)")
        }
        guard response.body.count > 0 else {
            return Finding(.stream, .warn, url, "the stream ended without a byte")
        }
        return Finding(.stream, .ok, url, "the first bytes come at once")
    }

    private func held(_ url: String) -> Finding {
        let advice = "something between holds the answer back: a proxy that buffers, or a cache rule"
        return Finding(.stream, .fail, url, "nothing comes in \(StatusWords.span(firstBytes))", advice: advice)
    }
}
