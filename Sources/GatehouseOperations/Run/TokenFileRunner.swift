internal import GatehouseCore
package import GatehouseServer
internal import Synchronization

/// `gatehouse run --env-from`: a program with tokens from files in its environment. It reads no configuration and opens no store, so that nothing
/// but these tokens has to be where the program is.
package struct TokenFileRunner: Sendable {
    /// Time between two readings of the files.
    package static let interval: Duration = .seconds(1)

    private let files: [TokenFile]
    private let kept: [String]

    /// - Throws: ``GatehouseError`` `unusable` for a variable that is given twice.
    package init(_ files: [TokenFile], keeping kept: [String]) throws(GatehouseError) {
        var seen: Set<String> = []
        for name in files.map(\.variable) + kept where !seen.insert(name).inserted {
            throw GatehouseError(.unusable, "the variable \(name) is given twice")
        }
        self.files = files
        self.kept = kept
    }

    private func tokens() throws(InvalidValue) -> [Secret] {
        var values: [Secret] = []
        for file in files { values.append(try file.read()) }
        return values
    }

    private func environment(_ tokens: [Secret]) -> ChildEnvironment {
        let values = zip(files, tokens).map { (variable: $0.variable, value: $1) }
        return ChildEnvironment(inherited: TokenRunner.inherited, keeping: kept, tokens: values)
    }

    /// Replaces this process with the program. Returns only by an error.
    package func exec(_ program: ChildProgram) throws -> Never {
        throw program.replaceProcess(environment(try tokens()))
    }

    /// Runs the program and starts it again whenever a file has another token. A file that is gone or cannot be read leaves it running.
    ///
    /// - Returns: the program's exit status.
    package func supervise(_ program: ChildProgram, say: @escaping @Sendable (String) -> Void) async throws -> Int32 {
        let first = try tokens()
        let supervisor = Supervisor(program, environment(first), say: say)
        let watch = Task {
            var current = first
            var isReadable = true
            while !Task.isCancelled {
                try await Task.sleep(for: Self.interval)
                do throws(InvalidValue) {
                    let new = try tokens()
                    isReadable = true
                    guard new != current else { continue }
                    current = new
                    supervisor.restart(with: environment(new))
                } catch {
                    if isReadable { say("\(program.words[0]) goes on with the token that it has: \(error.message)") }
                    isReadable = false
                }
            }
        }
        defer { watch.cancel() }
        return try await supervisor.run()
    }
}
