internal import COpenSSL

/// OpenSSL as a whole, which libcurl and libpq use too.
package enum TLSLibrary {
    /// Keeps the library usable until the process is gone: by itself it is torn down while the process ends, and a thread that connects to a database
    /// then crashes it. To be called before anything uses the library (`OPENSSL_init_crypto(3)`).
    package static func keepUntilExit() { OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT), nil) }
}
