internal import COpenSSL
internal import Glibc

/// The state that client connections over TLS share: the certificate authorities that servers are verified against, and the rules. TLS 1.2 at least,
/// HTTP/1.1 by ALPN (RFC 7301).
///
/// `@unchecked Sendable`: an `SSL_CTX` is not changed after it is made, and counts its references atomically.
package final class TLSContext: @unchecked Sendable {
    package enum TrustRoots: Sendable {
        /// The certificates of the file that `SSL_CERT_FILE` names, else of the system's bundle.
        case system
        /// The certificates of a file in PEM.
        case file(String)
        /// Certificates given in PEM.
        case certificates([UInt8])
    }

    let pointer: OpaquePointer

    /// The paths of the bundle on Debian and Alpine, Fedora, openSUSE.
    private static let bundles = [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
    ]

    /// - Throws: ``TLSError`` when the certificate authorities cannot be read.
    package init(_ trustRoots: TrustRoots) throws(TLSError) {
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw .latest("no TLS context") }
        pointer = context
        gatehouse_set_client_modes(context)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        let protocols: [UInt8] = [8] + Array("http/1.1".utf8)
        guard gatehouse_require_tls12(context) == 1,
            // 0 is success here, unlike everywhere else.
            SSL_CTX_set_alpn_protos(context, protocols, UInt32(protocols.count)) == 0
        else { throw .latest("TLS cannot be set up") }
        switch trustRoots {
        case .file(let path):
            guard SSL_CTX_load_verify_file(context, path) == 1 else { throw .latest("\(path) holds no certificates") }
        case .certificates(let bytes): try trust(bytes)
        case .system: try trustSystem()
        }
    }

    deinit { SSL_CTX_free(pointer) }

    private func trust(_ pem: [UInt8]) throws(TLSError) {
        guard let source = pem.withUnsafeBytes({ gatehouse_copy_of($0.baseAddress, $0.count) }) else {
            throw .latest("no memory for certificates")
        }
        defer { BIO_free(source) }
        var count = 0
        while let certificate = PEM_read_bio_X509_AUX(source, nil, nil, nil) {
            defer { X509_free(certificate) }
            guard X509_STORE_add_cert(SSL_CTX_get_cert_store(pointer), certificate) == 1 else {
                throw .latest("one of its certificates cannot be used")
            }
            count += 1
        }
        // OpenSSL reports the end of the input as an error, and so it does a certificate that cannot be parsed.
        let isEnd = gatehouse_is_end_of_pem(ERR_peek_last_error()) == 1
        guard isEnd else { throw .latest("one of its certificates cannot be read") }
        ERR_clear_error()
        guard count > 0 else { throw TLSError(message: "it holds no certificates") }
    }

    private func trustSystem() throws(TLSError) {
        // Empty is as if it were not set, as in libcurl's case.
        if let path = getenv("SSL_CERT_FILE"), path.pointee != 0 {
            // OpenSSL would wait for a pipe's writer for ever.
            var status = stat()
            guard stat(path, &status) != 0 || status.st_mode & S_IFMT == S_IFREG else {
                throw TLSError(message: "what SSL_CERT_FILE names is not a file")
            }
            guard SSL_CTX_load_verify_file(pointer, path) == 1 else {
                throw .latest("the file that SSL_CERT_FILE names holds no certificates")
            }
            return
        }
        for path in Self.bundles where SSL_CTX_load_verify_file(pointer, path) == 1 { return }
        ERR_clear_error()
        guard SSL_CTX_set_default_verify_paths(pointer) == 1 else {
            throw .latest("the system's certificate authorities cannot be read")
        }
    }
}
