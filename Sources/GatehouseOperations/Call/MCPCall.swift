internal import CurlClient
package import GatehouseConfig
package import GatehouseCore
package import GatehouseServer
internal import GatehouseTokens

/// Speaks MCP to a route's upstream as Gatehouse would, and over the address that clients use: which half fails is then known.
package struct MCPCall: Sendable {
    package enum Half: String, Sendable {
        /// The upstream, with the token that Gatehouse injects and without Gatehouse.
        case behind
        /// Access, the tunnel, Gatehouse and the upstream.
        case whole
    }

    package struct Outcome: Sendable {
        package let half: Half
        package let url: String
        package let steps: [CallStep]
        /// Nil when the list was not asked for.
        package let tools: [String]?
        /// The tool's result; nil when none was called.
        package let result: JSONValue?
        package let failure: CallFailure?
    }

    package static let defaultTimeout: Duration = .seconds(30)

    /// The longest time to wait for one message.
    package var timeout = MCPCall.defaultTimeout
    /// Below the route; nil for where its configuration says that MCP is spoken.
    package var path: String?
    /// The protocol version to speak; nil to negotiate it.
    package var version: String?
    package var lists = false
    package var tool: (name: String, arguments: JSONValue)?
    private let clientVersion: String

    package init(clientVersion: String) { self.clientVersion = clientVersion }

    package func behind(_ route: Route, _ configuration: Configuration) async -> Outcome {
        var token = CallStep("tokens", took: .zero)
        let start = ContinuousClock.now
        var tokens: [TokenName: TokenValue] = [:]
        do {
            let store = try StoreAssembly.store(configuration.store.settings, names: route.tokens)
            tokens = try await RenewalAssembly.served(store, configuration).load().tokens
            if let missing = route.tokens.filter({ tokens[$0] == nil }).min() {
                token.failure = CallFailure(
                    "the token '\(missing)' is not in the store '\(configuration.store.name)'",
                    advice: "gatehouse token set \(missing)"
                )
            }
        } catch {
            let error = error as? TokenError
            token.failure = CallFailure(error?.message ?? "the store cannot be read", advice: error?.hint)
        }
        token.took = .now - start
        let versions = route.tokens.sorted().compactMap { name in tokens[name].map { "\(name) version \($0.version)" } }
        token.detail = versions.isEmpty ? "the route injects none" : versions.joined(separator: ", ")
        let place = MCPPlace(behind: route, path: path, tokens: tokens, timeout: timeout)
        guard token.failure == nil else {
            return Outcome(
                half: .behind,
                url: place.url,
                steps: [token],
                tools: nil,
                result: nil,
                failure: token.failure
            )
        }
        return await converse(.behind, place, after: [token])
    }

    package func whole(_ url: String, _ token: ServiceToken) async -> Outcome {
        await converse(.whole, MCPPlace(url: url, headers: token.headers, timeout: timeout), after: [])
    }

    private func converse(_ half: Half, _ place: MCPPlace, after steps: [CallStep]) async -> Outcome {
        var conversation = MCPConversation(place, clientVersion: clientVersion)
        var tools: [String]?
        var result: JSONValue?
        var failure: CallFailure?
        do throws(CallFailure) {
            try await conversation.open(version)
            if lists || tool == nil { tools = try await conversation.tools() }
            if let tool { result = try await conversation.call(tool.name, tool.arguments) }
        } catch {
            failure = error
        }
        await conversation.close()
        return Outcome(
            half: half,
            url: place.url,
            steps: steps + conversation.steps,
            tools: tools,
            result: result,
            failure: failure
        )
    }
}
