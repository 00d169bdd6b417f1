import GatehouseCore
import Testing

@testable import GatehouseProxy

/// Nothing that comes from the network traps, and whatever is taken is also written within its bound.
@Suite struct FuzzTests {
    @Test(arguments: [UInt64(1), 2, 3, 4])
    func `requests never trap`(seed: UInt64) {
        var mutator = Mutator(seed: seed)
        let rewrite = CodecFixture.rewrite(strip: ["X-Coda-*"], query: ["key"], upstream: "http://up/v1")
        var taken = 0
        var parser = RequestHeadParser()
        for _ in 0..<4000 {
            let raw = mutator.request()
            guard parser.parse(raw.span) == .complete else {
                parser.reset()
                continue
            }
            taken += 1
            let head = parser.head
            let written = CodecFixture.output(rewrite.bound(head, injectedCount: 0)) { output in
                rewrite.write(
                    head,
                    bytes: raw.span,
                    prefixLength: 0,
                    injectedLines: UnsafeRawBufferPointer(start: nil, count: 0),
                    requestID: CodecFixture.requestID,
                    into: output
                ).count
            }
            // The head that goes upstream is itself one that Gatehouse would accept, with no field of the client's left in it.
            var second = RequestHeadParser(
                limits: HeadLimits(maximumFields: 110, maximumHeadBytes: 64 << 10, maximumTarget: 9000)
            )
            #expect(second.parse(written.span) == .complete, "\(String(decoding: written, as: UTF8.self))")
            #expect(second.head.framing == head.framing)
            #expect(second.head.assertion == .missing)
            for known in [KnownField.authorization, .accessOther, .proxy, .shadow, .origin, .keepAlive, .te] {
                #expect(!second.head.has(known))
            }
            _ = CodecFixture.readBody(Array(raw[head.length...]), head.framing, step: mutator.number(40) + 1)
        }
        #expect(taken > 400)
    }

    @Test(arguments: [UInt64(5), 6])
    func `responses never trap`(seed: UInt64) throws {
        var mutator = Mutator(seed: seed)
        let rewrite = try ResponseRewrite(
            upstream: Upstream(parsing: "http://up:8080/v1"),
            prefix: PathPrefix(parsing: "/c")
        )
        var taken = 0
        var parser = ResponseHeadParser()
        for _ in 0..<4000 {
            let raw = mutator.response()
            guard parser.parse(raw.span, answersHEAD: false) == .complete else {
                parser.reset()
                continue
            }
            taken += 1
            let head = parser.head
            let written = CodecFixture.output(rewrite.bound(head, publicAuthorityCount: 0)) { output in
                rewrite.write(
                    head,
                    bytes: raw.span,
                    framing: head.framing,
                    requestID: CodecFixture.requestID,
                    publicAuthority: UnsafeRawBufferPointer(start: nil, count: 0),
                    into: output
                )
            }
            var second = ResponseHeadParser()
            #expect(second.parse(written.span) == .complete, "\(String(decoding: written, as: UTF8.self))")
            #expect(second.head.framing == head.framing)
            #expect(second.head.status == head.status)
            _ = CodecFixture.readBody(
                Array(raw[head.length...]),
                head.framing,
                step: mutator.number(40) + 1,
                trailers: .response
            )
        }
        #expect(taken > 400)
    }

    @Test func `noise never traps`() {
        var mutator = Mutator(seed: 7)
        for _ in 0..<3000 {
            let noise = mutator.noise(200)
            _ = CodecFixture.parse(noise)
            _ = CodecFixture.readBody(noise, .chunked, step: mutator.number(50) + 1)
            var filter = TrailerFilter(CodecFixture.rewrite())
            _ = CodecFixture.output(noise.count + 1) { filter.filter(noise.span, into: $0).written }
            var parser = ResponseHeadParser()
            _ = parser.parse(noise.span)
        }
    }
}
