import GatehouseCore
import Testing

@testable import GatehouseProxy

@Suite struct RefusalTests {
    @Test(arguments: AmbiguousRequest.heads + AmbiguousRequest.oversized)
    func refusesWhole(request: AmbiguousRequest) {
        #expect(Bench.parse(request.raw).0 == .refused(request.reason))
    }

    @Test(arguments: AmbiguousRequest.heads + AmbiguousRequest.oversized)
    func refusesByteByByte(request: AmbiguousRequest) {
        var parser = RequestHeadParser()
        var progress = HeadProgress.incomplete
        for count in 0...request.raw.count where progress == .incomplete {
            progress = parser.parse(request.raw.span.extracting(..<count))
        }
        #expect(progress == .refused(request.reason))
    }

    @Test(arguments: AmbiguousRequest.bodies)
    func refusesBodies(request: AmbiguousRequest) throws {
        let (progress, head) = Bench.parse(request.raw)
        try #require(progress == .complete)
        for step in [1, 2, 7, request.raw.count] {
            #expect(
                Bench.readBody(Array(request.raw[head.length...]), head.framing, step: step).state
                    == .refused(.requestMalformed)
            )
        }
    }

    @Test func namesAreUnique() {
        let names = (AmbiguousRequest.heads + AmbiguousRequest.oversized + AmbiguousRequest.bodies).map(\.name)
        #expect(Set(names).count == names.count)
    }
}
