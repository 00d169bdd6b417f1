internal import COpenSSL

/// Why TLS failed, in OpenSSL's words where it has some.
package struct TLSError: Error, CustomStringConvertible {
    package let message: String

    package var description: String { message }

    /// An error with the oldest reason that OpenSSL has kept on this thread: the others follow from it.
    static func latest(_ message: String) -> TLSError {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0, let reason = ERR_reason_error_string(code) else { return TLSError(message: message) }
        return TLSError(message: "\(message): \(String(cString: reason))")
    }
}
