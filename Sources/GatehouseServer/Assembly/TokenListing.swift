internal import GatehouseCore
internal import GatehouseTokens

/// The list of tokens as the status page shows it: read from the store when the page is opened, and kept for a moment, so that however many look
/// and however often, a store that counts its calls or is slow to fail is asked little.
actor TokenListing {
    /// How old a list may be; a reading that failed is kept as long. A version that the proxy serves and the list does not know ends it at once.
    static let maximumAge: Duration = .seconds(10)

    typealias Outcome = Result<[TokenSummary], TokenError>

    private struct Entry {
        let source: Int
        let versions: [TokenName: Int]
        let startedAt: ContinuousClock.Instant
        /// The reading under way, which all callers share.
        let reading: Task<Outcome, Never>
    }

    private var last: Entry?

    /// - Parameters:
    ///   - source: which store; a list of another one is none.
    ///   - versions: of the tokens that are served.
    func list(
        of source: Int,
        serving versions: [TokenName: Int],
        at now: ContinuousClock.Instant = .now,
        _ read: @escaping @Sendable () async throws(TokenError) -> [TokenSummary]
    ) async -> Outcome {
        if let last, last.source == source, last.versions == versions, now - last.startedAt < Self.maximumAge {
            return await last.reading.value
        }
        let reading = Task { () -> Outcome in
            do throws(TokenError) { return .success(try await read()) } catch { return .failure(error) }
        }
        last = Entry(source: source, versions: versions, startedAt: now, reading: reading)
        return await reading.value
    }
}
