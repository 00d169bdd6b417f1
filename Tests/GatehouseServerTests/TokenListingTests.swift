import GatehouseCore
@testable import GatehouseServer
@testable import GatehouseTokens
import Synchronization
import Testing

@Suite struct TheListOfTokens {
    private let start = ContinuousClock.now
    private let coda: TokenName
    private let listing = TokenListing()
    private let reads = Counter()

    init() throws { coda = try TokenName(parsing: "coda") }

    private final class Counter: Sendable {
        let count = Mutex(0)
    }

    private func look(
        after seconds: Int = 0,
        source: Int = 1,
        version: Int = 1,
        failing error: TokenError? = nil
    ) async -> TokenListing.Outcome {
        let versions = [coda: version]
        return await listing.list(of: source, serving: versions, at: start + .seconds(seconds)) {
            [reads] () throws(TokenError) in
            reads.count.withLock { $0 += 1 }
            if let error { throw error }
            return []
        }
    }

    private var count: Int { reads.count.withLock { $0 } }

    @Test func `is asked once by many who look`() async {
        for second in [0, 1, 9] { _ = await look(after: second) }
        #expect(count == 1)
        _ = await look(after: 10)
        #expect(count == 2)
    }

    @Test func `is asked anew when another version is served or another store is live`() async {
        _ = await look()
        _ = await look(version: 2)
        #expect(count == 2)
        _ = await look(source: 2, version: 2)
        #expect(count == 3)
    }

    @Test func `keeps a failure as long as a list`() async {
        let error = TokenError(.unavailable, "the store is away")
        for second in [0, 5] {
            guard case .failure(let failure) = await look(after: second, failing: error) else {
                Issue.record("a failure is no list")
                continue
            }
            #expect(failure.message == "the store is away")
        }
        #expect(count == 1)
        guard case .success = await look(after: 10) else {
            Issue.record("the store is back")
            return
        }
    }

    @Test func `is read once for those who look at the same time`() async {
        await withTaskGroup { group in
            for _ in 0..<20 { group.addTask { _ = await look() } }
        }
        #expect(count == 1)
    }
}
