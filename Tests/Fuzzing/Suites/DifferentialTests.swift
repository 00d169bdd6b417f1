import Testing

/// Requests and responses that are valid or nearly so, read here and by llhttp (``HTTPOracle``), whole and in parts, and written again.
@Suite struct DifferentialTests {
    @Test(arguments: (100..<108).map { UInt64($0) })
    func `requests are read alike`(seed: UInt64) throws {
        var mutator = Mutator(seed: seed)
        var taken = 0
        for _ in 0..<2500 where try FuzzTarget.request.check(mutator.request()) { taken += 1 }
        #expect(taken > 800)
    }

    @Test(arguments: (200..<204).map { UInt64($0) })
    func `responses are read alike`(seed: UInt64) throws {
        var mutator = Mutator(seed: seed)
        var taken = 0
        for _ in 0..<2500 where try FuzzTarget.response.check(mutator.response()) { taken += 1 }
        #expect(taken > 600)
    }

    @Test func `noise is read alike`() throws {
        var mutator = Mutator(seed: 7)
        for _ in 0..<3000 {
            let noise = mutator.noise(200)
            for target in [FuzzTarget.request, .response, .chunks] { try target.check(noise) }
        }
    }
}
