internal import GatehouseConfig
internal import GatehouseCore
internal import Logging

/// The readings that the start waits for.
extension Gatehouse {
    /// How long the start waits for the first readings of keys, tokens and bearers.
    static let firstReadings: Duration = .seconds(3)

    /// Waits for the first readings, so that no request is refused for a key or a token that exists. The wait is bounded: a large store takes its
    /// time, and a refusal with a reason says more than a closed port. An instance that takes over from another one waits to the end, because the
    /// other one serves meanwhile.
    func first(_ readings: Task<Void, Never>) async {
        guard !configuration.reusesPort else { return await readings.value }
        let (ends, teller) = AsyncStream.makeStream(of: Bool.self)
        Task {
            await readings.value
            teller.yield(true)
        }
        let bound = Task {
            try await Task.sleep(for: Self.firstReadings)
            teller.yield(false)
        }
        defer { bound.cancel() }
        guard await ends.first(where: { _ in true }) == false else { return }
        logger.warning(
            "serving before keys and tokens were read for the first time",
            metadata: ["waited": "\(Self.firstReadings)", "hint": "gatehouse doctor says what takes so long"]
        )
    }

    /// Names the address that cannot be had, and where it comes from.
    func listening<Result>(
        on address: Endpoint,
        key: String,
        _ listen: () async throws -> Result
    ) async throws -> Result {
        do { return try await listen() } catch {
            let origin =
                configuration.line(of: key).map { "as '\(key)' says on line \($0)" } ?? "the default of '\(key)'"
            throw GatehouseError(
                .listener,
                "cannot listen on \(address), \(origin)",
                hint: configuration.reusesPort
                    ? nil : "an instance that runs lets the next one begin beside it where both say reuse_port: true",
                underlying: error
            )
        }
    }
}
