internal import Glibc

extension [String] {
    /// Calls `body` with the words as execve(2) takes them: C strings, and a null pointer behind them.
    package func withWordPointers<Result>(_ body: ([UnsafeMutablePointer<CChar>?]) -> Result) -> Result {
        let pointers = map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        return body(pointers + [nil])
    }
}
