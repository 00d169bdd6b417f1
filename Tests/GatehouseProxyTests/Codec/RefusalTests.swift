import GatehouseCore
import Testing

@testable import GatehouseProxy

@Suite struct RefusalTests {
    @Test(arguments: AmbiguousRequest.heads + AmbiguousRequest.oversized)
    func `requests of the corpus are refused whole`(request: AmbiguousRequest) {
        #expect(CodecFixture.parse(request.raw).0 == .refused(request.reason))
    }

    @Test(arguments: AmbiguousRequest.heads + AmbiguousRequest.oversized)
    func `requests of the corpus are refused byte by byte`(request: AmbiguousRequest) {
        var parser = RequestHeadParser()
        var progress = HeadProgress.incomplete
        for count in 0...request.raw.count where progress == .incomplete {
            progress = parser.parse(request.raw.span.extracting(..<count))
        }
        #expect(progress == .refused(request.reason))
    }

    @Test(arguments: AmbiguousRequest.bodies)
    func `bodies of the corpus are refused`(request: AmbiguousRequest) throws {
        let (progress, head) = CodecFixture.parse(request.raw)
        try #require(progress == .complete)
        for step in [1, 2, 7, request.raw.count] {
            #expect(
                CodecFixture.readBody(Array(request.raw[head.length...]), head.framing, step: step).state
                    == .refused(.requestMalformed)
            )
        }
    }

    @Test func `the names in the corpus are unique`() {
        let names = (AmbiguousRequest.heads + AmbiguousRequest.oversized + AmbiguousRequest.bodies).map(\.name)
        #expect(Set(names).count == names.count)
    }
}
