package import GatehouseCore

/// A variable that a program finds a token in: `CODA_API_TOKEN=coda`.
package struct TokenVariable: Hashable, Sendable {
    package let variable: String
    package let token: TokenName

    /// - Throws: ``InvalidValue`` that does not repeat the text behind the `=`: a user may have typed the token's value there.
    package init(parsing text: String) throws(InvalidValue) {
        guard let equals = text.firstIndex(of: "="), ChildEnvironment.isName(text[..<equals]) else {
            throw InvalidValue("a variable and a token's name are wanted", suggestion: "--env CODA_API_TOKEN=coda")
        }
        variable = String(text[..<equals])
        do throws(InvalidValue) { token = try TokenName(parsing: String(text[text.index(after: equals)...])) } catch {
            throw InvalidValue(
                "what follows \(variable)= is no name of a token",
                suggestion: "--env \(variable)=coda: the value itself stays in the store"
            )
        }
    }
}

/// The environment of a program that `gatehouse run` starts: what programs need to run at all, what the operator names, and the tokens.
/// Everything else, like the keys of the store, stays out.
package struct ChildEnvironment: Sendable {
    /// Variables that are passed on where they are set, and all `LC_*`.
    package static let kept = [
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TZ", "TMPDIR", "LANG", "LANGUAGE", "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ]

    /// `NAME=value`, one variable each.
    private let lines: [Secret]

    /// - Parameters:
    ///   - inherited: lines as `environ` has them.
    ///   - named: further variables to pass on.
    ///   - tokens: go before all of the same name.
    package init(inherited: [String], keeping named: [String], tokens: [(variable: String, value: Secret)]) {
        let own = Set(tokens.map(\.variable))
        let wanted = Set(Self.kept + named).subtracting(own)
        var lines = inherited.filter { line in
            let name = String(line.prefix { $0 != "=" })
            return wanted.contains(name) || name.hasPrefix("LC_") && !own.contains(name)
        }.map { Secret($0) }
        for (variable, value) in tokens {
            let prefix = Array("\(variable)=".utf8)
            lines.append(
                Secret(count: prefix.count + value.count) { target in
                    target.copyBytes(from: prefix)
                    value.withUnsafeBytes { target[prefix.count...].copyBytes(from: $0) }
                }
            )
        }
        self.lines = lines
    }

    /// Calls `body` with what `execve` takes; the memory is zeroed afterwards.
    func withPointers<Result>(_ body: ([UnsafeMutablePointer<CChar>?]) -> Result) -> Result {
        let ended = lines.map { line in
            Secret(count: line.count + 1) { target in line.withUnsafeBytes { target.copyBytes(from: $0) } }
        }
        return withExtendedLifetime(ended) {
            body(
                ended.map {
                    $0.withUnsafeBytes {
                        UnsafeMutablePointer(mutating: $0.baseAddress?.assumingMemoryBound(to: CChar.self))
                    }
                } + [nil]
            )
        }
    }

    package static func isName(_ text: some StringProtocol) -> Bool {
        guard let first = text.utf8.first, first.isASCIILetter || first == 0x5F else { return false }
        return text.utf8.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || $0 == 0x5F }
    }

    /// Names only, for tests and words.
    package var names: [String] {
        lines.map { line in
            line.withUnsafeBytes { String(decoding: $0.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self) }
        }
    }
}
