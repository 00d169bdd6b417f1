import Foundation
import GatehouseCommands
import Testing

@Suite("Core dumps")
struct CoreDumpTests {
    @Test func `once forbidden, the process leaves none, and one that root makes has no memory`() throws {
        CoreDumps.forbid()
        #expect(CoreDumps.areForbidden)
        #expect(try String(contentsOfFile: "/proc/self/coredump_filter", encoding: .utf8) == "00000000\n")
    }
}
