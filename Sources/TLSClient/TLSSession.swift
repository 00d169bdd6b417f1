internal import COpenSSL

/// The client's side of one TLS connection: bytes in, bytes out, no socket. Confined to one thread.
package final class TLSSession {
    package enum Handshake: Equatable {
        /// More is needed from the server.
        case waiting
        /// The server's certificate is verified, its name the one asked for.
        case done
    }

    package enum Reading: Equatable {
        case bytes(Int)
        /// More is needed from the server.
        case waiting
        /// The server has said that nothing follows (RFC 8446 section 6.1).
        case ended
    }

    private let session: OpaquePointer
    /// Owned by `session`.
    private let input: OpaquePointer
    private let output: OpaquePointer
    package private(set) var isSecured = false

    /// - Parameter host: the server's name, verified and sent to it (RFC 6066 section 3); or its address, verified only.
    /// - Throws: ``TLSError`` when no session can be made.
    package init(_ context: TLSContext, host: String) throws(TLSError) {
        ERR_clear_error()
        guard let session = SSL_new(context.pointer) else { throw .latest("no TLS session") }
        guard let input = BIO_new(BIO_s_mem()), let output = BIO_new(BIO_s_mem()) else {
            SSL_free(session)
            throw .latest("no memory for a TLS session")
        }
        gatehouse_keep_open(input)
        SSL_set_bio(session, input, output)
        SSL_set_connect_state(session)
        self.session = session
        self.input = input
        self.output = output
        let isSet =
            ServerName.require(host, of: SSL_get0_param(session))
            && (ServerName.isAddress(host) || gatehouse_set_server_name(session, host) == 1)
        guard isSet else { throw .latest("\(host) is no name to verify a certificate against") }
    }

    deinit { SSL_free(session) }

    /// Takes what came from the server.
    package func receive(_ bytes: UnsafeRawBufferPointer) throws(TLSError) {
        guard !bytes.isEmpty else { return }
        guard BIO_write(input, bytes.baseAddress, CInt(clamping: bytes.count)) == CInt(clamping: bytes.count) else {
            throw .latest("no memory for a TLS record")
        }
    }

    /// Continues the handshake, as far as the received bytes allow.
    package func handshake() throws(TLSError) -> Handshake {
        ERR_clear_error()
        let result = SSL_do_handshake(session)
        if result == 1 {
            isSecured = true
            return .done
        }
        guard SSL_get_error(session, result) == SSL_ERROR_WANT_READ else { throw .latest("the TLS handshake failed") }
        return .waiting
    }

    /// Reads plain bytes from the server.
    ///
    /// - Throws: ``TLSError`` for records that cannot be decrypted or were tampered with.
    package func read(into bytes: UnsafeMutableRawBufferPointer) throws(TLSError) -> Reading {
        ERR_clear_error()
        let count = SSL_read(session, bytes.baseAddress, CInt(clamping: bytes.count))
        if count > 0 { return .bytes(Int(count)) }
        switch SSL_get_error(session, count) {
        case SSL_ERROR_WANT_READ: return .waiting
        case SSL_ERROR_ZERO_RETURN: return .ended
        case _: throw .latest("the TLS connection failed")
        }
    }

    /// Takes plain bytes for the server.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(TLSError) {
        var rest = bytes
        while !rest.isEmpty {
            ERR_clear_error()
            let count = SSL_write(session, rest.baseAddress, CInt(clamping: rest.count))
            // The output grows as needed, so nothing but a broken session keeps it from taking all.
            guard count > 0 else { throw .latest("the TLS connection failed") }
            rest = UnsafeRawBufferPointer(rebasing: rest[Int(count)...])
        }
    }

    /// Ends the output with a `close_notify`.
    package func end() {
        guard isSecured else { return }
        ERR_clear_error()
        _ = SSL_shutdown(session)
        ERR_clear_error()
    }

    /// Bytes that wait to be sent to the server.
    package var pendingOutput: Int { Int(gatehouse_pending_output(output)) }

    /// - Returns: how many bytes were put there.
    package func takeOutput(into bytes: UnsafeMutableRawBufferPointer) -> Int {
        max(0, Int(BIO_read(output, bytes.baseAddress, CInt(clamping: bytes.count))))
    }
}
