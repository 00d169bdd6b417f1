internal import GatehouseCore
internal import GatehouseTokens

/// The live store's tokens without their values, for pages that are asked for often: a store across the network is asked once for all of them.
actor TokenListing {
    /// How long a listing is shown before the store is asked again.
    static let lifetime: Duration = .seconds(15)

    private let read: @Sendable () async -> Result<[TokenSummary], TokenError>
    private var last: (at: ContinuousClock.Instant, result: Result<[TokenSummary], TokenError>)?

    init(_ tokens: TokenRefresher) {
        read = {
            do throws(TokenError) {
                return .success(try await tokens.list())
            } catch {
                return .failure(error)
            }
        }
    }

    var current: Result<[TokenSummary], TokenError> {
        get async {
            if let last, ContinuousClock.now - last.at < Self.lifetime { return last.result }
            let result = await read()
            last = (ContinuousClock.now, result)
            return result
        }
    }
}
