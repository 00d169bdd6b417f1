internal import Glibc

/// Why a socket could not be had.
package struct SocketError: Error, CustomStringConvertible {
    package enum Code: Sendable {
        /// A system call failed.
        case system(errno: Int32)
        /// No address belongs to the name, says the resolver.
        case unknownHost
        /// The resolver gave no answer.
        case resolverFailed
        /// ``NameTable/maximumLookups`` are under way, or ``NameTable/maximumWaiting`` wait for the name.
        case tooManyLookups
        case timedOut
        /// The TLS handshake failed, or the certificate did not verify.
        case tls
        /// The other side closed before the connection stood.
        case closed
    }

    package let code: Code
    package let message: String

    /// The errno of the system call that failed.
    var number: Int32? { if case .system(let number) = code { number } else { nil } }

    package var description: String { message }

    /// An error of the system call that has just failed.
    static func system(_ call: String, _ number: Int32 = errno) -> SocketError {
        SocketError(code: .system(errno: number), message: "\(call): \(String(cString: strerror(number)))")
    }
}
