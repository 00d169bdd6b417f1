package import GatehouseCore
internal import GatehouseServer
internal import Glibc

/// A file that holds one token, for a program that must not reach the store: a process with access to the store writes it, `gatehouse run` reads it.
package struct TokenFile: Hashable, Sendable {
    /// A variable that a program finds the token in.
    package let variable: String
    package let path: String

    /// `VARIABLE=/path`.
    package init(parsing text: String) throws(InvalidValue) {
        guard let equals = text.firstIndex(of: "="), ChildEnvironment.isName(text[..<equals]) else {
            throw InvalidValue(
                "a variable and the path of a file are wanted",
                suggestion: "--env-from CODA_API_TOKEN=/run/token/coda"
            )
        }
        variable = String(text[..<equals])
        path = String(text[text.index(after: equals)...])
        guard path.hasPrefix("/") else {
            // The path is not repeated: the user may have typed the value there.
            throw InvalidValue(
                "what follows \(variable)= is no absolute path",
                suggestion: "--env-from \(variable)=/run/token/coda"
            )
        }
    }

    func read() throws(InvalidValue) -> Secret { try SecretSource.file(path).read() }

    /// Puts a token into the file at `path`, whole or not at all: for its owner alone.
    ///
    /// - Throws: ``GatehouseError`` `unusable` when it cannot be written.
    static func write(_ value: Secret, to path: String) throws(GatehouseError) {
        let fresh = "\(path).\(getpid()).new"
        unlink(fresh)
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o400)
        guard descriptor >= 0 else { throw unusable("make", fresh) }
        defer { close(descriptor) }
        let isWritten = value.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) == $0.count }
        guard isWritten, rename(fresh, path) == 0 else {
            let failure = unusable("write", path)
            unlink(fresh)
            throw failure
        }
    }

    private static func unusable(_ doing: String, _ path: String) -> GatehouseError {
        GatehouseError(.unusable, "cannot \(doing) \(path): \(String(cString: strerror(errno)))")
    }
}
