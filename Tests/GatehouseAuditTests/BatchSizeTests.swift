import Testing

@testable import GatehouseAudit

/// How many events a sink is offered at once: scripts of what happens to its batches.
struct BatchSizeTests {
    private let bound: Duration = .seconds(10)

    @Test func `it is halved with each batch that runs out of time, down to one event`() {
        var size = BatchSize(most: 1000)
        var sizes: [Int] = []
        for _ in 0..<12 {
            size.timedOut()
            sizes.append(size.current)
        }
        #expect(sizes == [500, 250, 125, 62, 31, 15, 7, 3, 1, 1, 1, 1])
    }

    @Test func `it grows back while batches need little of their time`() {
        var size = BatchSize(most: 1000)
        for _ in 0..<4 { size.timedOut() }
        var sizes: [Int] = []
        for _ in 0..<5 {
            size.taken(size.current, in: .seconds(1), of: bound)
            sizes.append(size.current)
        }
        #expect(sizes == [124, 248, 496, 992, 1000])
    }

    @Test func `a database that takes ninety rows a second settles at a size that it can take`() {
        var size = BatchSize(most: 1000)
        var timeouts = 0
        for _ in 0..<100 {
            let time = Duration.milliseconds(size.current * 1000 / 90)
            if time > bound {
                size.timedOut()
                timeouts += 1
            } else {
                size.taken(size.current, in: time, of: bound)
            }
        }
        #expect(timeouts == 1 && size.current == 500)
    }

    @Test func `a batch that was not full changes nothing, and a sink without a bound has the whole size`() {
        var size = BatchSize(most: 100)
        size.timedOut()
        size.taken(49, in: .zero, of: bound)
        #expect(size.current == 50)
        size.taken(50, in: .seconds(60), of: nil)
        #expect(size.current == 100)
    }
}
