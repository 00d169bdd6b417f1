import Foundation
import GatehouseAudit
import GatehouseCore

/// Events through lane, writer and drain, each on a thread of its own, for a counter of instructions:
///
///     valgrind --tool=callgrind --separate-threads=yes GatehouseAuditBenchmark count 20000
struct Counting {
    private let place: String
    private let events: Int

    init(_ place: String, events: Int) {
        self.place = place
        self.events = events
    }

    func run() throws {
        let system = try AuditSystem(Work.settings("\(place)/counted"), sink: DiscardingSink())
        let lane = try system.lane(for: 0)
        try system.start()
        Work.record(events, to: lane)
        while true {
            let state = system.state(at: Work.start)
            if state.deliveredThrough == Int64(events) { break }
            usleep(5000)
        }
        system.shutdown(within: .seconds(60))
        print("\(events) events")
    }
}
