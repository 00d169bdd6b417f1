package import Crypto
package import GatehouseCore
internal import Glibc

/// Tokens in files of one folder, as Docker and Kubernetes mount secrets: the token `coda` is the file `coda`. Read-only.
///
/// A file that is written again, or a link that is turned to another folder, is seen by its stamp within a second.
package actor FileTokenStore: ReadOnlyTokenStore {
    package nonisolated let kind = "file"
    package nonisolated let names: [TokenName]
    package nonisolated let fingerprinting = SymmetricKey(size: .bits256)
    private let folder: String
    // The folder may be another machine's.
    private let executor = BlockingExecutor(label: "gatehouse.tokens.file")

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - names: the tokens that routes use.
    ///   - folder: an absolute path.
    package init(names: Set<TokenName>, folder: String) {
        self.names = names.sorted()
        self.folder = folder
    }

    package nonisolated func place(of name: TokenName) -> String { "\(folder)/\(name)" }

    package nonisolated func advice(on name: TokenName) -> String { "write \(place(of: name)) anew" }

    /// A mount that has gone takes no token with it: what was read last is served meanwhile.
    package func begin() async throws(TokenError) {
        var status = stat()
        guard stat(folder, &status) == 0 else { throw unreadable(folder, errno) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw TokenError(.unavailable, "\(folder) is no folder")
        }
    }

    package func token(_ name: TokenName) async throws(TokenError) -> TokenValue {
        let path = place(of: name)
        var status = stat()
        if stat(path, &status) != 0 {
            let number = errno
            guard number == ENOENT else { throw unreadable(path, number) }
            throw TokenError(.notFound, "there is no file \(path)", hint: "write the token '\(name)' into it")
        }
        // A pipe gives its text once, and a folder none.
        guard status.st_mode & S_IFMT == S_IFREG else { throw TokenError(.invalidValue, "\(path) is no file") }
        let secret: Secret
        do throws(InvalidValue) {
            secret = try SecretSource.file(path).read()
        } catch {
            let code: TokenError.Code = access(path, R_OK) == 0 ? .invalidValue : .unavailable
            throw TokenError(code, error.message, hint: error.suggestion, underlying: error)
        }
        return try value(secret, from: path)
    }

    /// Where each file is, how long, and when it was written.
    package func changeStamp() async throws(TokenError) -> TokenChangeStamp? {
        var hash = SHA256()
        for name in names {
            var file = stat()
            if stat(place(of: name), &file) != 0 { file = stat() }
            for part in [
                Int(bitPattern: UInt(file.st_dev)), Int(bitPattern: UInt(file.st_ino)), Int(file.st_size),
                file.st_mtim.tv_sec, file.st_mtim.tv_nsec,
            ] {
                withUnsafeBytes(of: part) { hash.update(bufferPointer: $0) }
            }
        }
        return TokenChangeStamp(Array(hash.finalize()))
    }

    private func unreadable(_ path: String, _ number: Int32) -> TokenError {
        TokenError(.unavailable, "\(path) cannot be read: \(ForeignFile.reason(path, number))")
    }
}
