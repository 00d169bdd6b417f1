internal import CurlClient
internal import GatehouseCore

/// One message of a call, and what came of it.
package struct CallStep: Sendable {
    package let name: String
    package var took: Duration
    package var detail = ""
    package var failure: CallFailure?

    package init(_ name: String, took: Duration) {
        self.name = name
        self.took = took
    }
}

/// Why a step brought nothing: what was seen, and what to do about it.
package struct CallFailure: Error, Hashable, Sendable {
    package let message: String
    package let advice: String?

    package init(_ message: String, advice: String? = nil) {
        self.message = message
        self.advice = advice
    }

    init(_ error: CurlError) {
        let advice: String? =
            switch error.code {
            case .unreachable: "is it running, and does the address lead to it from here?"
            case .tls: "the certificate must be of a known authority and name the host; SSL_CERT_FILE names others"
            case .timeout:
                "it takes the connection and does not answer in time, or does not take it: --timeout waits longer"
            case .malformedResponse: "what listens there does not speak HTTP"
            case .interrupted: "it hung up before its answer was whole: its own log says why"
            case .invalidRequest, .refusedAddress, .tooLarge, .cancelled, .overloaded, .failed: nil
            }
        self.init(error.message, advice: advice)
    }

    /// An answer that is not the one that was asked for.
    ///
    /// - Parameter words: of a JSON-RPC error.
    init(status: Int, _ response: CurlResponse, says words: String? = nil) {
        let requestID = response.header("x-request-id").flatMap { $0.utf8.count == 32 ? $0 : nil }
        let location = response.header("location") ?? ""
        let place =
            location.split(separator: "/", omittingEmptySubsequences: false).dropFirst(2).first.map(String.init)
            ?? location
        var message = "status \(status)" + (words.map { ", JSON-RPC error \($0)" } ?? "")
        let advice: String?
        switch status {
        case 300..<400 where place.hasSuffix(".cloudflareaccess.com"):
            message += ": Access asks for a sign-in at \(place)"
            advice =
                "a service token needs a policy of action Service Auth in the application that covers this host and path"
        case 300..<400:
            message += " leads to \(place.isEmpty ? "nowhere" : place)"
            advice = "MCP clients do not follow it: give the address that it leads to, with its path"
        case 401, 403:
            advice =
                requestID.map { "Gatehouse refused: gatehouse audit show \($0)" }
                ?? "the credentials are not taken: the upstream's token (gatehouse token rotate), or Access's policies"
        case 404: advice = "nothing speaks MCP at this path: --path names the one below the route"
        case 405, 406, 415: advice = "what answers there does not speak streamable HTTP at this path"
        case 530, 521...523: advice = "is cloudflared connected, and does its ingress name Gatehouse?"
        case 500...: advice = requestID.map { "gatehouse audit show \($0)" } ?? "the server's own log says why"
        case 200..<300 where words == nil:
            message += " without the answer to the message"
            advice = "what answers there does not speak MCP"
        case _: advice = nil
        }
        self.init(message, advice: advice)
    }
}
