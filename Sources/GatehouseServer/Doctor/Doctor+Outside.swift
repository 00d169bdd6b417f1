internal import CurlClient
internal import GatehouseCore
internal import Glibc

/// From outside, by the address that clients use.
extension Doctor {
    /// An Access service token for the stream's probe; both or none.
    package static let clientIDVariable = "CF_ACCESS_CLIENT_ID"
    package static let clientSecretVariable = "CF_ACCESS_CLIENT_SECRET"
    /// How soon the first bytes of an event stream must come: Gatehouse sends a comment at once.
    private static let firstBytes: Duration = .seconds(10)
    /// After which an answer that has not ended is taken for a stream.
    private static let streamWait: Duration = .seconds(4)

    func outside(_ url: String) async -> [Finding] {
        [await isGuarded(url)] + [await isStreaming(url)]
    }

    /// Without credentials nobody may come as far as Gatehouse.
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
        guard let id = getenv(Self.clientIDVariable), let secret = getenv(Self.clientSecretVariable) else {
            let advice = "set \(Self.clientIDVariable) and \(Self.clientSecretVariable) to those of a service token"
            return Finding(.stream, .warn, url, "not looked at: no credentials", advice: advice)
        }
        let key = Secret(String(cString: secret))
        var headers = [
            CurlHeader("CF-Access-Client-Id", String(cString: id)),
            CurlHeader("CF-Access-Client-Secret") { body in key.withUnsafeBytes { body($0) } },
        ]
        let initialize = """
            {"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},\
            "clientInfo":{"name":"gatehouse doctor","version":"1"}}}
            """
        let json = [
            CurlHeader("Content-Type", "application/json"), CurlHeader("Accept", "application/json, text/event-stream"),
        ]
        let opening = CurlRequest(url, method: "POST", headers: headers + json, body: CurlBody(initialize))
        if let opened = try? await CurlClient().perform(opening), let session = opened.header("mcp-session-id") {
            headers.append(CurlHeader("Mcp-Session-Id", session))
        }
        headers.append(CurlHeader("Accept", "text/event-stream"))
        var request = CurlRequest(url, headers: headers)
        request.timeout = Self.streamWait
        do throws(CurlError) {
            let status = try await CurlClient().perform(request).status
            return Finding(.stream, .warn, url, "the upstream opens no event stream: \(status)")
        } catch {
            guard error.code == .timeout else { return Finding(.stream, .fail, url, error.message) }
        }
        // No byte of a body fits, so the first one ends the call.
        request.maximumBody = 0
        request.timeout = Self.firstBytes
        do throws(CurlError) {
            _ = try await CurlClient().perform(request)
            return Finding(.stream, .warn, url, "the stream ended without a byte")
        } catch {
            if error.code == .tooLarge { return Finding(.stream, .ok, url, "the first bytes come at once") }
            let advice = "something between holds the answer back: a proxy that buffers, or a cache rule"
            return Finding(.stream, .fail, url, "nothing comes in \(StatusWords.span(Self.firstBytes))", advice: advice)
        }
    }
}
