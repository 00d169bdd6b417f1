import Crypto
import GatehouseCore
import GatehouseTestSupport
import Testing

@testable import GatehouseAudit

struct EventFormTests {
    @Test func `columns are those of the contract in its order`() {
        #expect(
            AuditColumn.allCases.map(\.name).joined(separator: " ") == """
                event_id request_id kind at writer seq prev_hash hash route principal_kind principal subject decision \
                reason http_method path rpc_method rpc_id target arguments_digest session protocol_version token_name \
                token_version assertion_kid client_ip cf_ray status upstream_status rpc_error bytes_in bytes_out \
                duration_us upstream_us ended arguments_sealed rpc_position requests change \
                token_owner caller_groups
                """
        )
        #expect(AuditColumn.allCases.map { Int($0.rawValue) } == Array(1...AuditColumn.count))
    }

    @Test func `a decision reads back as it was written`() throws {
        var random = FastRandom()
        let id = EventID(at: Sample.start, using: &random)
        var bytes: [UInt8] = []
        _ = Sample.decision(7, refusal: .toolDenied) { facts in
            bytes = Sample.encoded(facts, id: id)
            return .recorded
        }
        let event = try #require(bytes.withUnsafeBytes { EventDecoder.event($0) })
        #expect(event.id == id)
        #expect(event.requestID == Sample.requestID(7))
        #expect(event.kind == .decision)
        #expect(event.at == Timestamp(microseconds: Sample.start.microseconds + 7000))
        #expect(event.route == "coda")
        #expect(event.principalKind == .user)
        #expect(event.principal == "ada@example.com")
        #expect(event.isAllowed == false)
        #expect(event.reason == .toolDenied)
        #expect(event.text(.httpMethod) == "POST")
        #expect(event.text(.rpcID) == "17")
        #expect(event.target == "list_docs")
        #expect(event.integer(.tokenVersion) == 3)
        #expect(event.text(.assertionKeyID) == "b6f3d9e1c0a4")
        #expect(event.text(.cfRay) == "8f2b6c1d0e4a-FRA")
        #expect(event[.status] == .none)
    }

    @Test func `random facts read back, and every cut of them is refused`() throws {
        var random = SplitMix(seed: 41)
        for round in 0..<400 {
            var facts = AuditFacts(
                Bool.random(using: &random) ? .decision : .outcome,
                of: RequestID(high: random.next(), low: random.next()),
                at: Timestamp(microseconds: Int64.random(in: -5...4_000_000_000_000_000, using: &random))
            )
            if Bool.random(using: &random) { facts.route = Sample.route }
            if Bool.random(using: &random) { facts.caller = Sample.caller }
            if Bool.random(using: &random) { facts.refusal = Reason.allCases.randomElement(using: &random) }
            facts.status = Int.random(in: 0...599, using: &random)
            facts.bytesIn = Int64.random(in: .min ... .max, using: &random)
            facts.durationMicroseconds = Int64.random(in: 0 ... .max, using: &random)
            facts.ending = Ending.allCases.randomElement(using: &random)
            let path = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                UInt8.random(in: 0x20...0x7E, using: &random)
            }
            let target = (0..<Int.random(in: 0...300, using: &random)).map { _ in
                UInt8.random(in: 0x20...0x7E, using: &random)
            }
            let id = EventID(high: random.next(), low: random.next())
            let bytes = path.withUnsafeBytes { pathBytes in
                target.withUnsafeBytes { targetBytes in
                    facts.path = pathBytes
                    facts.target = targetBytes
                    return Sample.encoded(facts, id: id)
                }
            }
            let event = try #require(bytes.withUnsafeBytes { EventDecoder.event($0) })
            #expect(event.id == id)
            #expect(event.at == facts.at)
            #expect(event.text(.path) == String(decoding: path, as: UTF8.self))
            #expect(event.target == String(decoding: target, as: UTF8.self))
            #expect(event.reason == facts.refusal)
            #expect(event.ending == facts.ending)
            #expect(event.route == (facts.route == nil ? "" : "coda"))
            if facts.kind == .outcome {
                #expect(event.integer(.bytesIn) == facts.bytesIn)
                #expect(event.integer(.durationMicroseconds) == facts.durationMicroseconds)
            }
            guard round % 40 == 0 else { continue }
            var whole = Set<Int>()
            for length in 0..<bytes.count {
                if let cut = bytes[..<length].withUnsafeBytes({ EventDecoder.event($0) }) {
                    // A cut between two fields reads as a shorter event; the frame around it is what notices.
                    #expect(cut.id == id)
                    whole.insert(length)
                }
            }
            #expect(whole.count < 30)
        }
    }

    @Test func `flipped bytes never trap`() {
        var random = SplitMix(seed: 43)
        var bytes: [UInt8] = []
        _ = Sample.decision(1) { facts in
            bytes = Sample.encoded(facts, id: EventID(high: 1, low: 2))
            return .recorded
        }
        var refused = 0
        for _ in 0..<20_000 {
            var bad = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bad[Int.random(in: 0..<bad.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if bad.withUnsafeBytes({ EventDecoder.event($0) }) == nil { refused += 1 }
        }
        #expect(refused > 0)
    }

    @Test func `long text is cut at its limit between characters`() throws {
        let long = String(repeating: "é", count: 1500)
        var facts = AuditFacts(.decision, of: Sample.requestID(1), at: Sample.start)
        let bytes = Array(long.utf8).withUnsafeBytes { text in
            facts.target = text
            facts.path = text
            return Sample.encoded(facts, id: EventID(high: 1, low: 2))
        }
        let event = try #require(bytes.withUnsafeBytes { EventDecoder.event($0) })
        let path = event.text(.path)
        #expect(path.utf8.count <= 2048 && path.hasSuffix("é…"))
        #expect(event.target.utf8.count <= 2048)
        #expect(!(path + event.target).contains("\u{FFFD}"))
        #expect(bytes.count <= EventEncoder.maximumLength)
    }

    @Test func `a target that is cut says by its digest which it was`() throws {
        func target(_ text: String) throws -> String {
            var facts = AuditFacts(.decision, of: Sample.requestID(1), at: Sample.start)
            let bytes = Array(text.utf8).withUnsafeBytes { bytes in
                facts.target = bytes
                return Sample.encoded(facts, id: EventID(high: 1, low: 2))
            }
            return try #require(bytes.withUnsafeBytes { EventDecoder.event($0) }).target
        }
        let whole = "file:///" + String(repeating: "a", count: 2040)
        #expect(try target(whole) == whole)
        // Steps up and down in front of what is meant, beyond what a row holds.
        let public500 = "file:///public/" + String(repeating: "a/../", count: 500)
        let (secret, other) = (try target(public500 + "../private/secret"), try target(public500 + "readme"))
        #expect(secret != other)
        #expect(secret.hasPrefix("file:///public/a/../"))
        let text = public500 + "../private/secret"
        let digest = SHA256.hash(data: Array(text.utf8)).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
        #expect(secret.hasSuffix("…sha256:" + digest.joined()))
        #expect(secret.utf8.count <= 2048)
    }

    @Test func `event ids sort by time and read back`() {
        var random = FastRandom()
        let ids = (0..<2000).map {
            EventID(at: Timestamp(microseconds: 1_795_424_400_000_000 + $0 * 2), using: &random)
        }
        #expect(ids == ids.sorted())
        for id in ids {
            let text = id.description
            #expect(EventID(parsing: text) == id)
            #expect(Array(text)[14] == "7")
            #expect("89ab".contains(Array(text)[19]))
        }
        #expect(EventID(parsing: "01234567-89ab-7def-8123-456789abcdeg") == nil)
    }

    @Test func `the CRC is Castagnoli's`() {
        // RFC 3720 appendix B.4.
        #expect([UInt8](repeating: 0, count: 32).withUnsafeBytes { CRC32C.checksum($0) } == 0x8A91_36AA)
        #expect([UInt8](repeating: 0xFF, count: 32).withUnsafeBytes { CRC32C.checksum($0) } == 0x62A8_AB43)
        #expect((0..<32).map { UInt8($0) }.withUnsafeBytes { CRC32C.checksum($0) } == 0x46DD_794E)
        #expect(Array("123456789".utf8).withUnsafeBytes { CRC32C.checksum($0) } == 0xE306_9283)
    }
}
