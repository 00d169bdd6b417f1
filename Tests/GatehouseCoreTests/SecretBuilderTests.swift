import Testing

@testable import GatehouseCore

@Suite struct SecretBuilderTests {
    @Test func `what is put together is one secret, however long it becomes`() {
        var builder = SecretBuilder()
        #expect(builder.secret == Secret(""))
        var wanted: [UInt8] = []
        for length in [0, 1, 62, 63, 64, 65, 300, 20_000, 70_000] {
            let part = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ length) }
            builder.append(contentsOf: part)
            builder.append(0x2E)
            builder.append(Secret(part))
            wanted += part + [0x2E] + part
            #expect(builder.count == wanted.count && builder.secret == Secret(wanted))
        }
    }

    @Test func `what it outgrows is given back as zeros`() throws {
        var builder = SecretBuilder()
        builder.append(contentsOf: Array(repeating: 0x41, count: 15_500))
        // Of a size that no other test has secrets of.
        let first = builder.withUnsafeBytes { $0 }
        builder.append(contentsOf: Array(repeating: 0x42, count: 15_500))
        #expect(first.dropFirst(8).allSatisfy { $0 == 0 })
    }
}
