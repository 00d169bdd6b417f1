package import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import GatehouseTokens
internal import Glibc
internal import Synchronization

/// `gatehouse run`: a program with tokens of the live store in its environment.
package struct TokenRunner: Sendable {
    package let variables: [TokenVariable]
    package let kept: [String]
    private let store: any TokenStore
    private let configuration: Configuration

    /// - Parameters:
    ///   - variables: which tokens the program gets, and where.
    ///   - kept: further variables of ours that it gets.
    /// - Throws: ``GatehouseError`` `unusable` for a variable that is given twice, or that holds a secret of a store.
    package init(_ configuration: Configuration, variables: [TokenVariable], keeping kept: [String]) throws {
        var seen: Set<String> = []
        for name in variables.map(\.variable) + kept where !seen.insert(name).inserted {
            throw GatehouseError(.unusable, "the variable \(name) is given twice")
        }
        let secrets =
            configuration.stores.flatMap(\.settings.secretVariables)
            + configuration.tokens.values.flatMap(\.secrets).compactMap(\.variable)
        for name in kept where secrets.contains(name) {
            throw GatehouseError(
                .unusable,
                "$\(name) is a secret of a store or of a token, which the program must not get",
                hint: "leave out --keep-env \(name)"
            )
        }
        let names = configuration.tokenNames.union(variables.map(\.token))
        store = try RenewalAssembly.served(
            StoreAssembly.store(configuration.store.settings, names: names),
            configuration
        )
        self.variables = variables
        self.kept = kept
        self.configuration = configuration
    }

    /// The tokens as they are now.
    ///
    /// - Throws: `TokenError` when the store, or a token that is wanted of it, cannot be read.
    private func tokens() async throws -> [TokenName: TokenValue] {
        let load = try await store.load()
        for variable in variables {
            guard let problem = load.problems.first(where: { $0.name == variable.token }) else { continue }
            throw problem.error
        }
        return load.tokens
    }

    /// - Throws: ``GatehouseError`` `unusable` naming the variable of a token that is not there.
    private func environment(_ tokens: [TokenName: TokenValue]) throws(GatehouseError) -> ChildEnvironment {
        var values: [(variable: String, value: Secret)] = []
        for variable in variables {
            guard let value = tokens[variable.token] else {
                // The name is not repeated: the user may have typed the value there.
                throw GatehouseError(
                    .unusable,
                    "the store '\(configuration.store.name)' has no token of the name that stands behind \(variable.variable)=",
                    hint: "gatehouse token list"
                )
            }
            values.append((variable.variable, value.secret))
        }
        return ChildEnvironment(inherited: Self.inherited, keeping: kept, tokens: values)
    }

    /// Replaces this process with the program. Returns only by an error.
    package func exec(_ program: ChildProgram) async throws -> Never {
        throw program.replaceProcess(try environment(await tokens()))
    }

    /// Runs the program and starts it again whenever one of its tokens changes. A token that is gone, or a store that cannot be read, leaves
    /// it running.
    ///
    /// - Returns: the program's exit status.
    package func supervise(_ program: ChildProgram, say: @escaping @Sendable (String) -> Void) async throws -> Int32 {
        let first = try await tokens()
        let supervisor = Supervisor(program, try environment(first), say: say)
        let current = Mutex(Self.chosen(first, variables))
        let refresher = TokenRefresher(
            store: store,
            refresh: configuration.storeRefresh,
            // The program has the value anyway.
            maxStale: Configuration.storeMaxStaleRange.upperBound,
            onChange: { [self] snapshot in
                let new = Self.chosen(snapshot.tokens, variables)
                let isChanged = current.withLock { current in
                    guard new != current else { return false }
                    current = new
                    return true
                }
                guard isChanged else { return }
                do throws(GatehouseError) { supervisor.restart(with: try environment(snapshot.tokens)) } catch {
                    say("\(program.words[0]) goes on with the token that it has: \(error.message)")
                }
            }
        )
        let watch = Task { await refresher.run() }
        defer { watch.cancel() }
        return try await supervisor.run()
    }

    private static func chosen(_ tokens: [TokenName: TokenValue], _ variables: [TokenVariable]) -> [TokenName:
        TokenValue]
    {
        let wanted = Set(variables.map(\.token))
        return tokens.filter { wanted.contains($0.key) }
    }

    static var inherited: [String] {
        var lines: [String] = []
        var at = environ
        while let line = at.pointee {
            lines.append(String(cString: line))
            at += 1
        }
        return lines
    }
}

extension StoreSettings {
    /// Variables that hold what opens the store.
    var secretVariables: [String] {
        // A program is given variables so that it can open something.
        if case .exec(let exec) = self { return exec.variables }
        return secrets.compactMap(\.variable)
    }
}

extension SecretSource {
    fileprivate var variable: String? { if case .environment(let name) = self { name } else { nil } }
}
