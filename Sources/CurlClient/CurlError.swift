internal import CCurl

/// Why a request brought no answer. The message names hosts and certificates at most, never a path, query, header or body.
package struct CurlError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// A URL, method or header that cannot be sent.
        case invalidRequest
        /// The name does not resolve, or no process listens at the address.
        case unreachable
        /// The host's address is one that must not be asked.
        case refusedAddress
        /// The connect timeout or the whole timeout has passed.
        case timeout
        /// The handshake failed, or the certificate does not hold.
        case tls
        /// The response's body or headers exceed their bound.
        case tooLarge
        /// The connection broke before the end of the response.
        case interrupted
        /// The answer is not HTTP.
        case malformedResponse
        /// The calling task was cancelled.
        case cancelled
        /// ``CurlClient/maximumWaiting`` calls wait already, or no thread could start.
        case overloaded
        /// Something else inside libcurl, such as memory.
        case failed
    }

    package enum Source: String, Sendable {
        case upstream, gatehouse
    }

    package let code: Code
    package let message: String
    /// libcurl's own number (libcurl-errors(3)), nil when libcurl was not asked.
    package let underlying: Int?

    package var source: Source {
        switch code {
        case .unreachable, .timeout, .tls, .tooLarge, .interrupted, .malformedResponse: .upstream
        case .invalidRequest, .refusedAddress, .cancelled, .overloaded, .failed: .gatehouse
        }
    }

    package var description: String { message }

    init(_ code: Code, _ message: String, underlying: Int? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }
}

extension CurlError {
    /// `detail` is libcurl's error buffer. It is shown only for failures before the request is sent, whose texts hold a
    /// host, a port or a certificate's fault and nothing of the request.
    init(result: CURLcode, detail: String) {
        let code = Code(result)
        let words = String(cString: curl_easy_strerror(result))
        let showsDetail = code == .unreachable || code == .tls
        self.init(code, showsDetail && !detail.isEmpty ? detail : words, underlying: Int(result.rawValue))
    }
}

extension CurlError.Code {
    fileprivate init(_ result: CURLcode) {
        switch result {
        case CURLE_URL_MALFORMAT, CURLE_BAD_FUNCTION_ARGUMENT:
            self = .invalidRequest
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT:
            self = .unreachable
        case CURLE_OPERATION_TIMEDOUT:
            self = .timeout
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CRL_BADFILE, CURLE_SSL_INVALIDCERTSTATUS:
            self = .tls
        case CURLE_FILESIZE_EXCEEDED:
            self = .tooLarge
        case CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_PARTIAL_FILE, CURLE_SSL_SHUTDOWN_FAILED:
            self = .interrupted
        // The scheme was checked before, so an unsupported protocol is the one of the answer: HTTP/0.9.
        case CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING, CURLE_UNSUPPORTED_PROTOCOL:
            self = .malformedResponse
        default:
            self = .failed
        }
    }
}
