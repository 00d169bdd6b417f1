import GatehouseCommands
import Testing

@Suite("Core dumps")
struct CoreDumpTests {
    @Test func `once forbidden, the process leaves none`() {
        CoreDumps.forbid()
        #expect(CoreDumps.areForbidden)
    }
}
