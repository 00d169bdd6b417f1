import Testing

@testable import GatehouseServer

@Suite("Code that only the start needed")
struct StartupPagesTests {
    @Test func `only code of files is let go`() {
        let code = "55d0c0a00000-55d0c0b00000 r-xp 001d1000 fe:00 1234      /usr/bin/gatehouse\n"
        #expect(StartupPages.codeRange(code) == 0x55d0_c0a0_0000..<0x55d0_c0b0_0000)
        for other in [
            "55d0c0a00000-55d0c0b00000 r--p 001d1000 fe:00 1234      /usr/bin/gatehouse\n",
            "55d0c0a00000-55d0c0b00000 rwxp 001d1000 fe:00 1234      /usr/bin/gatehouse\n",
            "7ffd1a5f2000-7ffd1a5f4000 r-xp 00000000 00:00 0         [vdso]\n",
            "7ffd1a5f2000-7ffd1a5f4000 r-xp 00000000 00:00 0\n", "", "x",
        ] { #expect(StartupPages.codeRange(other) == nil) }
    }

    @Test func `what is let go comes back`() {
        for _ in 0..<3 {
            StartupPages.release()
            #expect((0..<100).map { "\($0)" }.joined().count == 190)
        }
    }
}
