package import GatehouseCore
internal import GatehouseTokens

/// Asks the upstream of a route for its tools, with the token that the route injects.
package enum ToolInquiry {
    /// How long one message may take.
    static let messageTimeout: Duration = .seconds(15)
    /// How long all pages of a list may take; no further one is asked for beyond it.
    static let patience: Duration = .seconds(60)

    package struct Answer: Sendable {
        /// Those that were read, also where it failed on the way.
        package internal(set) var tools: [ToolDefinition] = []
        /// Entries of which two readers could think differently.
        package internal(set) var unreadable = 0
        package internal(set) var failure: CallFailure?
    }

    /// - Parameters:
    ///   - pins: those that tell which of two definitions of one name counts.
    ///   - tokens: the current ones.
    package static func ask(
        _ route: Route,
        among pins: RoutePins,
        tokens: [TokenName: TokenValue],
        version: String
    ) async -> Answer {
        var answer = Answer()
        if let missing = route.tokens.filter({ tokens[$0] == nil }).min() {
            answer.failure = CallFailure(
                "the token '\(missing)' is not there",
                advice: "gatehouse token set \(missing)"
            )
            return answer
        }
        let place = MCPPlace(behind: route, path: nil, tokens: tokens, timeout: messageTimeout)
        var conversation = MCPConversation(place, client: "gatehouse", clientVersion: version)
        var seen = SeenTools()
        do throws(CallFailure) {
            try await conversation.open(nil)
            answer.unreadable = try await conversation.definitions(&seen, among: pins, within: patience)
        } catch {
            answer.failure = error
        }
        await conversation.close()
        answer.tools = seen.all
        return answer
    }
}
