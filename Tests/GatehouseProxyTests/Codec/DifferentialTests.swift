import GatehouseCore
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import GatehouseProxy

/// llhttp, through NIOHTTP1, as a second opinion: what it refuses is refused here too, what both take they read alike up to the
/// same last byte, and where this codec still waits, llhttp has not seen an end either.
///
/// Deliberate differences, left out of the comparison:
/// - Methods: llhttp knows a list, here any token is a method; routing and policy decide what may be done with it.
/// - Whitespace after a value: NIOHTTP1 leaves some of it; it is taken off before values are compared.
/// - Reason phrases: NIOHTTP1 replaces those of statuses that it knows.
/// - Upgrades: llhttp stops at a request that asks for one, whatever its body; here a body is read as it is framed.
/// - Here alone is refused: what the corpus of ambiguous requests lists beyond llhttp's own checks (paths, hosts, second `Origin`).
@Suite struct DifferentialTests {
    @Test(arguments: (100..<108).map { UInt64($0) })
    func `requests are read alike`(seed: UInt64) throws {
        var mutator = Mutator(seed: seed)
        var both = 0
        for _ in 0..<2500 {
            let raw = mutator.request()
            let ours = Message.request(raw)
            guard !ours.isBeyondComparison, ours.state != .refused else { continue }
            let theirs = try Oracle.request(raw, ending: ours.end)
            let text = String(decoding: raw, as: UTF8.self).debugDescription
            if ours.state == .complete {
                both += 1
                #expect(theirs.description == ours.description, "\(text)")
            } else {
                #expect(theirs.state != .complete, "\(text)")
            }
        }
        #expect(both > 800)
    }

    @Test(arguments: (200..<204).map { UInt64($0) })
    func `responses are read alike`(seed: UInt64) throws {
        var mutator = Mutator(seed: seed)
        var both = 0
        for _ in 0..<2500 {
            let raw = mutator.response()
            let ours = Message.response(raw)
            guard !ours.isBeyondComparison, ours.state != .refused else { continue }
            let theirs = try Oracle.response(raw, ending: ours.end)
            let text = String(decoding: raw, as: UTF8.self).debugDescription
            if ours.state == .complete {
                both += 1
                #expect(theirs.description == ours.description, "\(text)")
            } else {
                #expect(theirs.state != .complete, "\(text)")
            }
        }
        #expect(both > 600)
    }

    /// The corpus itself: of what llhttp refuses nothing is taken, and nothing of it ends a message here.
    @Test(arguments: AmbiguousRequest.heads + AmbiguousRequest.oversized + AmbiguousRequest.bodies)
    func `the codec never takes a request of the corpus`(request: AmbiguousRequest) {
        #expect(Message.request(request.raw).state == .refused)
    }
}

/// One message as a parser read it.
struct Message: CustomStringConvertible {
    enum State { case incomplete, complete, refused }

    var state = State.incomplete
    /// The end of a complete message, in bytes.
    var end: Int?
    var start = ""
    var fields: [String] = []
    var body: [UInt8] = []
    var isBeyondComparison = false

    var description: String { "\(state) at \(end ?? -1): \(start) \(fields) \(String(decoding: body, as: UTF8.self))" }

    static func request(_ raw: [UInt8]) -> Message {
        let (progress, head) = CodecFixture.parse(raw)
        var message = Message()
        switch progress {
        case .incomplete: return message
        case .refused:
            message.state = .refused
            return message
        case .complete: break
        }
        let span = raw.span
        message.start = "\(span.text(head.method)) \(span.text(head.target)) \(head.version)"
        message.fields = head.fields.map { "\(span.text($0.name))=\(span.text($0.value))" }
        message.isBeyondComparison =
            !Oracle.methods.contains(span.text(head.method)) || (head.has(.upgrade) && head.framing != .none)
        message.readBody(raw, head.length, head.framing)
        return message
    }

    static func response(_ raw: [UInt8]) -> Message {
        var parser = ResponseHeadParser()
        var message = Message()
        switch parser.parse(raw.span) {
        case .incomplete: return message
        case .refused:
            message.state = .refused
            return message
        case .complete: break
        }
        let head = parser.head
        let span = raw.span
        message.start = "\(head.status) \(head.version)"
        message.fields = head.fields.map { "\(span.text($0.name))=\(span.text($0.value))" }
        message.isBeyondComparison = head.isInterim || head.isUpgrade
        message.readBody(raw, head.length, head.framing)
        return message
    }

    private mutating func readBody(_ raw: [UInt8], _ start: Int, _ framing: BodyFraming) {
        if framing == .none || framing == .length(0) {
            state = .complete
            end = start
            return
        }
        let read = CodecFixture.readBody(Array(raw[start...]), framing, step: max(1, raw.count))
        body = read.payload
        switch read.state {
        case .complete:
            state = .complete
            end = start + read.consumed
        case .refused: state = .refused
        case .incomplete, .trailers: state = .incomplete
        }
    }
}
