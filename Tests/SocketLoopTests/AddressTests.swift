import Glibc
import Testing

@testable import SocketLoop

/// From the host of an upstream to the address of a socket.
@Suite(.blocking) struct AddressTests {
    @Test(arguments: ["127.0.0.1", "0.0.0.0", "255.255.255.255", "::", "::1", "2001:DB8::17", "::ffff:192.0.2.1"])
    func `an address is read as the system's resolver reads it`(literal: String) throws {
        let resolved = try AddressResolver.lookUp(literal, port: 8443, flags: AI_NUMERICHOST)
        #expect(Self.bytes(SocketAddress(literal: literal, port: 8443)) == Self.bytes(resolved.first))
    }

    @Test(arguments: ["localhost", "", "127.1", "1.2.3.4.5", "0x7f.0.0.1", "1.2.3.4 ", "[::1]", "::1%lo", "fe80::1::2"])
    func `what is no plain address is left to the resolver`(name: String) {
        #expect(SocketAddress(literal: name, port: 80) == nil)
    }

    @Test func `an address without a port that exists is none`() {
        #expect(SocketAddress(literal: "127.0.0.1", port: 65536) == nil)
        #expect(SocketAddress(literal: "127.0.0.1", port: -1) == nil)
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func `an address is there before the loop goes on, a name is not`(literal: String) async throws {
        let loop = try EpollLoop.start(named: "test")
        func isThere(_ host: String) async throws -> Bool {
            try await loop.submit {
                var isThere = false
                AddressResolver { _ in .success([]) }.resolve(host, port: 80, on: loop) { _ in isThere = true }
                return isThere
            }
        }
        #expect(try await isThere(literal))
        #expect(try await !isThere("localhost"))
        await loop.stop()
    }

    private static func bytes(_ address: SocketAddress?) -> [UInt8]? {
        address.map { $0.withSockaddr { Array(UnsafeRawBufferPointer(start: $0, count: Int($1))) } }
    }
}
