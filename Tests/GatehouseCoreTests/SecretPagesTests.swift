import GatehouseTestSupport
import Testing

@testable import GatehouseCore

@Suite("The memory of secrets")
struct SecretPagesTests {
    @Test func `a block is as large as was asked, and at most a quarter larger`() {
        var last = (index: -1, size: 0)
        for count in 1...(16 << 10) {
            let found = SecretPages.sizeClass(of: count)
            #expect(found.size >= count && (count <= 64 ? found.size < count + 16 : found.size * 4 <= count * 5))
            // One place for each size, without gaps.
            #expect(found.index == last.index && found.size == last.size || found.index == last.index + 1)
            if found.index > last.index { #expect(count == last.size + 1) }
            last = found
        }
    }

    @Test(arguments: [1, 15_001, 16 << 10, (16 << 10) + 1, 300_000])
    func `is zeroed, writable to its end, and left out of cores`(count: Int) throws {
        let bytes = SecretPages.allocate(count)
        defer { SecretPages.deallocate(bytes) }
        #expect(bytes.count == count && bytes.allSatisfy { $0 == 0 })
        bytes[count - 1] = 1
        let place = UInt(bitPattern: bytes.baseAddress)
        #expect(place % 16 == 0)
        #expect(try MemoryMapping.all().first { $0.range.contains(place) }?.isExcluded == true)
    }

    @Test func `what is given back is zeros, and serves again`() throws {
        // Of a size that no other test has secrets of.
        let bytes = SecretPages.allocate(13_333)
        bytes.initializeMemory(as: UInt8.self, repeating: 0x41)
        SecretPages.deallocate(bytes)
        // The pages stay mapped. At the beginning stands where the next free block is.
        #expect(bytes.dropFirst(8).allSatisfy { $0 == 0 })
        let again = SecretPages.allocate(13_333)
        defer { SecretPages.deallocate(again) }
        #expect(again.baseAddress == bytes.baseAddress)
        #expect(again.allSatisfy { $0 == 0 })
    }

    @Test func `nothing takes none`() {
        let bytes = SecretPages.allocate(0)
        #expect(bytes.isEmpty)
        SecretPages.deallocate(bytes)
        #expect(Secret("").count == 0)
    }

    @Test func `threads that take and give back get memory of their own`() async {
        await withTaskGroup(of: Bool.self) { group in
            for number in UInt8(1)...4 {
                group.addTask {
                    (0..<2000).allSatisfy { turn in
                        let secrets = (0..<4).map { Secret(Array(repeating: number, count: 20 + (turn * 7 + $0) % 90)) }
                        return secrets.allSatisfy { $0.withUnsafeBytes { $0.allSatisfy { $0 == number } } }
                    }
                }
            }
            for await isOwn in group { #expect(isOwn) }
        }
    }
}
