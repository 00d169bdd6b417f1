internal import COpenSSL
internal import Glibc

/// The name that a server's certificate must have: the host that was asked for, under the one set of rules that all of Gatehouse's TLS follows.
package enum ServerName {
    /// `w*.example.com` stands for nothing, and a common name that looks like a host is not one: authorities verify the names of the
    /// extension alone (RFC 9525 sections 2 and 6.3).
    private static let rules = UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)

    /// Makes every connection of an `SSL_CTX` of another library verify that the certificate names the host, by these rules.
    ///
    /// - Parameters:
    ///   - context: an `SSL_CTX`.
    ///   - host: a name, or an address without brackets.
    /// - Returns: whether the rules could be set.
    package static func require(_ host: String, ofContext context: UnsafeMutableRawPointer) -> Bool {
        require(host, of: SSL_CTX_get0_param(OpaquePointer(context)))
    }

    static func require(_ host: String, of parameters: OpaquePointer?) -> Bool {
        X509_VERIFY_PARAM_set_hostflags(parameters, rules)
        return isAddress(host)
            ? X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1
            : X509_VERIFY_PARAM_set1_host(parameters, host, 0) == 1
    }

    static func isAddress(_ host: String) -> Bool {
        var bytes = in6_addr()
        return inet_pton(AF_INET, host, &bytes) == 1 || inet_pton(AF_INET6, host, &bytes) == 1
    }
}
