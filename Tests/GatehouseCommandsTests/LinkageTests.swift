import Foundation
import Testing

/// Full Foundation brings ICU and its data, some 40 MiB, into every sidecar. It slips in by one import in one package.
@Suite("What the binary links")
struct LinkageTests {
    private static let unwanted = [
        "libFoundation.", "lib_FoundationICU.", "libFoundationInternationalization.", "libicu",
    ]
    /// The name that the data of every ICU carries in its code, also when it is linked statically.
    private static let mark = Data("icudt".utf8)

    @Test func `no library of ICU or full Foundation is needed`() throws {
        let needed = try ELF(path: Command.binary).needed
        // Reading the wrong place would find nothing, too.
        #expect(needed.contains { $0.hasPrefix("libc.so") })
        #expect(needed.contains { $0.hasPrefix("libcurl.so") })
        for library in needed { #expect(!Self.unwanted.contains(where: library.hasPrefix), "\(library)") }
    }

    @Test func `nothing of ICU is linked in`() throws {
        #expect(try bytes(Command.binary).range(of: Self.mark) == nil)
    }

    /// One driver of sockets is enough to know; SwiftNIO's would come in by one import, with 9 MB of a debug build.
    @Test func `nothing of SwiftNIO's event loops and its HTTP is linked in`() throws {
        let product = try bytes(Command.binary)
        for module in ["8NIOPosix", "8NIOHTTP1"] {
            #expect(product.range(of: Data(module.utf8)) == nil)
        }
        // A mangled name of a SwiftNIO module that is linked.
        #expect(product.range(of: Data("7NIOCore".utf8)) != nil)
    }

    /// These tests use Foundation themselves, so what must not be in the product is in this process.
    @Test func `the marks that are looked for are there where ICU is`() throws {
        let maps = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8)
        let files = Set(maps.split(separator: "\n").compactMap { line in line.firstIndex(of: "/").map { line[$0...] } })
        let holders = files.filter { path in
            (try? bytes(String(path)).range(of: Self.mark)) != nil
        }
        #expect(!holders.isEmpty)
        let this = try #require(files.first { $0.contains(".xctest") })
        let needed = try ELF(path: String(this)).needed
        // Unless the standard library is linked statically.
        if needed.contains(where: { $0.hasPrefix("libswiftCore") }) {
            #expect(needed.contains { library in Self.unwanted.contains(where: library.hasPrefix) })
        }
    }

    private func bytes(_ path: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
    }
}
