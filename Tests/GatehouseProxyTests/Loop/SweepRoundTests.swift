import GatehouseTestSupport
import SocketLoop
import Testing

@testable import GatehouseProxy

@Suite struct SweepRoundTests {
    @Test(arguments: [(0, 1), (1, 1), (128, 1), (129, 2), (1000, 8), (1024, 8), (5000, 8)])
    func `few take one turn, and many eight of like size within the same time`(count: Int, turns: Int) {
        var round = SweepRound(interval: .milliseconds(240))
        for _ in 0..<2 {
            var places: [Range<Int>] = []
            repeat { places.append(round.turn(of: count)) } while !round.isOver
            #expect(places.count == turns)
            #expect(places.reversed().flatMap { $0 } == Array(0..<count))
            #expect(places.map(\.count).max()! <= max(SweepRound.placesInTurn, (count + 7) / 8))
            #expect(round.pause == TimeSpan(nanoseconds: 240_000_000 / Int64(turns)))
        }
    }

    /// Connections come and go between the turns and within them, as ``ProxyLoop`` has it: who leaves is replaced by the last.
    @Test(arguments: 1...40) func `nobody who stays for a round is passed over`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var connections = Array(0..<Int.random(in: 0...1500, using: &random))
        var next = connections.count
        func leave(_ place: Int) {
            let last = connections.removeLast()
            if place < connections.count { connections[place] = last }
        }
        for _ in 0..<3 {
            var round = SweepRound(interval: .milliseconds(250))
            let present = Set(connections)
            var seen: Set<Int> = []
            repeat {
                for place in round.turn(of: connections.count).reversed() where place < connections.count {
                    seen.insert(connections[place])
                    if Int.random(in: 0..<20, using: &random) == 0 { leave(place) }
                }
                for _ in 0..<Int.random(in: 0..<60, using: &random) where !connections.isEmpty {
                    leave(Int.random(in: connections.indices, using: &random))
                }
                for _ in 0..<Int.random(in: 0..<60, using: &random) {
                    connections.append(next)
                    next += 1
                }
            } while !round.isOver
            #expect(present.intersection(connections).subtracting(seen) == [])
        }
    }
}
