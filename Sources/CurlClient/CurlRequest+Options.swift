internal import CCurl
internal import Glibc
internal import TLSClient

extension CurlRequest {
    /// Sets every option of the handle. `headers`, `received` and the request itself must outlive the transfer.
    func apply(
        to easy: UnsafeMutableRawPointer,
        headers: UnsafeMutablePointer<curl_slist>?,
        received: CurlReceived,
        timeout: Duration
    ) throws(CurlError) {
        received.host = try checkedHost()
        received.admitsAddress = admitsAddress
        guard isToken(method) else { throw CurlError(.invalidRequest, "the method is not a token") }
        // Without it libcurl's resolver would use SIGALRM, which belongs to the whole process.
        gatehouse_setopt_long(easy, CURLOPT_NOSIGNAL, 1)
        gatehouse_setopt_string(easy, CURLOPT_URL, url)
        // The server gets the path as the caller wrote it: dot segments are not resolved on the way.
        gatehouse_setopt_long(easy, CURLOPT_PATH_AS_IS, 1)
        gatehouse_setopt_string(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        gatehouse_setopt_long(easy, CURLOPT_FOLLOWLOCATION, 0)
        gatehouse_setopt_long(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        gatehouse_setopt_long(easy, CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        gatehouse_setopt_long(easy, CURLOPT_TIMEOUT_MS, timeout.wholeMilliseconds)
        gatehouse_setopt_long(easy, CURLOPT_CONNECTTIMEOUT_MS, connectTimeout.wholeMilliseconds)
        gatehouse_setopt_off(easy, CURLOPT_MAXFILESIZE_LARGE, max(1, maximumBody))
        gatehouse_setopt_string(easy, CURLOPT_USERAGENT, "gatehouse")
        // An empty proxy overrides the variables of the environment.
        if !usesProxyFromEnvironment { gatehouse_setopt_string(easy, CURLOPT_PROXY, "") }
        if let authorities = authoritiesFile ?? Self.authoritiesOfEnvironment {
            // libcurl would wait for a pipe's writer, beyond every timeout.
            var status = stat()
            guard stat(authorities, &status) != 0 || status.st_mode & S_IFMT == S_IFREG else {
                throw CurlError(.invalidRequest, "the file of certificate authorities is not a file")
            }
            gatehouse_setopt_string(easy, CURLOPT_CAINFO, authorities)
            gatehouse_setopt_string(easy, CURLOPT_CAPATH, nil)
        }
        if let unixSocket { gatehouse_setopt_string(easy, CURLOPT_UNIX_SOCKET_PATH, unixSocket) }
        if let connectHost {
            let host = connectHost.contains(":") ? "[\(connectHost)]" : connectHost
            received.connectTo = curl_slist_append(nil, "::\(host):")
            gatehouse_setopt_list(easy, CURLOPT_CONNECT_TO, received.connectTo)
        }
        if let body, body.count > 0 {
            body.withUnsafeBytes { bytes in
                gatehouse_setopt_off(easy, CURLOPT_POSTFIELDSIZE_LARGE, bytes.count)
                // The body is not copied: it lives as long as the request, which outlives the transfer.
                gatehouse_setopt_pointer(easy, CURLOPT_POSTFIELDS, bytes.baseAddress)
            }
        } else if body != nil || method == "POST" {
            gatehouse_setopt_off(easy, CURLOPT_POSTFIELDSIZE_LARGE, 0)
            gatehouse_setopt_string(easy, CURLOPT_POSTFIELDS, "")
        } else if method == "HEAD" {
            gatehouse_setopt_long(easy, CURLOPT_NOBODY, 1)
        }
        gatehouse_setopt_string(easy, CURLOPT_CUSTOMREQUEST, method)
        gatehouse_setopt_list(easy, CURLOPT_HTTPHEADER, headers)
        received.receive(from: easy)
        requireServerName(easy, of: received)
    }

    /// The file of `SSL_CERT_FILE`, from which OpenSSL, and so every connection to an upstream, reads its authorities when the variable is set. The
    /// library libcurl ignores the variable, only the command `curl` reads it: https://curl.se/docs/sslcerts.html.
    package static var authoritiesOfEnvironment: String? {
        guard let name = getenv("SSL_CERT_FILE"), name.pointee != 0 else { return nil }
        return String(cString: name)
    }

    /// libcurl takes a certificate's common name for its host where it has no other; OpenSSL, asked for the host as well, does not.
    private func requireServerName(_ easy: UnsafeMutableRawPointer, of received: CurlReceived) {
        // An HTTPS proxy's certificate names the proxy.
        guard !usesProxyFromEnvironment else { return }
        gatehouse_setopt_pointer(easy, CURLOPT_SSL_CTX_DATA, Unmanaged.passUnretained(received).toOpaque())
        gatehouse_setopt_ssl_context(easy) { _, context, received in
            guard let context, let received else { return CURLE_SSL_CERTPROBLEM }
            let host = Unmanaged<CurlReceived>.fromOpaque(received).takeUnretainedValue().host
            return ServerName.require(host, ofContext: context) ? CURLE_OK : CURLE_SSL_CERTPROBLEM
        }
    }

    /// - Returns: the URL's host, an address without brackets.
    private func checkedHost() throws(CurlError) -> String {
        let parsed = curl_url()
        defer { curl_url_cleanup(parsed) }
        guard !url.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }),
            curl_url_set(parsed, CURLUPART_URL, url, UInt32(CURLU_DISALLOW_USER)) == CURLUE_OK
        else { throw CurlError(.invalidRequest, "the URL is malformed or carries user information") }
        var scheme: UnsafeMutablePointer<CChar>?
        guard curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK, let scheme else {
            throw CurlError(.invalidRequest, "the URL has no scheme")
        }
        defer { curl_free(scheme) }
        guard ["http", "https"].contains(String(cString: scheme)) else {
            throw CurlError(.invalidRequest, "the URL is neither http nor https")
        }
        var host: UnsafeMutablePointer<CChar>?
        guard curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK, let host else {
            throw CurlError(.invalidRequest, "the URL has no host")
        }
        defer { curl_free(host) }
        var text = String(cString: host)
        if text.hasPrefix("[") { text = String(text.dropFirst().dropLast()) }
        // The root's dot, which no certificate has.
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }
}

/// The header fields as libcurl takes them, zeroed when released.
final class CurlHeaderList {
    private(set) var list: UnsafeMutablePointer<curl_slist>?

    /// - Throws: ``CurlError/Code/invalidRequest`` for a name that is not a token or a value with CR, LF or NUL.
    init(_ request: CurlRequest) throws(CurlError) {
        // libcurl would wait a second for a 100 before it sends a body over 1 MiB.
        list = curl_slist_append(nil, "Expect:")
        for header in request.headers {
            guard isToken(header.name) else { throw CurlError(.invalidRequest, "a header name is not a token") }
            var line = Array("\(header.name): \(header.prefix)".utf8)
            if let concealed = header.concealed {
                // Room first, so that appending the secret leaves no outgrown copy behind.
                concealed { line.reserveCapacity(line.count + $0.count + 1) }
                concealed { line.append(contentsOf: $0) }
            }
            defer { line.withUnsafeMutableBytes { if let base = $0.baseAddress { explicit_bzero(base, $0.count) } } }
            guard !line.contains(where: { $0 == 0 || $0 == 0x0D || $0 == 0x0A }) else {
                throw CurlError(.invalidRequest, "the value of header \(header.name) has a line break or NUL")
            }
            // `Name:` without a value would remove the field; `Name;` sends it empty (CURLOPT_HTTPHEADER(3)).
            if line.count == header.name.utf8.count + 2 { line = Array("\(header.name);".utf8) }
            line.append(0)
            let longer = line.withUnsafeBytes { bytes in
                curl_slist_append(list, bytes.assumingMemoryBound(to: CChar.self).baseAddress)
            }
            guard let longer else { throw CurlError(.failed, "libcurl has no memory") }
            list = longer
        }
    }

    deinit {
        var item = list
        while let current = item {
            if let data = current.pointee.data { explicit_bzero(data, strlen(data)) }
            item = current.pointee.next
        }
        curl_slist_free_all(list)
    }
}

/// RFC 9110 section 5.6.2.
private func isToken(_ text: String) -> Bool {
    !text.isEmpty
        && text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
        }
}

extension Duration {
    /// At least 1, because zero would mean libcurl's own default, and at most the largest C int.
    fileprivate var wholeMilliseconds: Int {
        let (seconds, attoseconds) = components
        guard seconds < 2_000_000 else { return 2_000_000_000 }
        return max(1, Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000))
    }
}
