import GatehouseCore
import Glibc
import Testing

@testable import GatehouseOperations
@testable import GatehouseServer

@Suite struct SupervisionTests {
    private func running() -> Supervision { Supervision(endings: [SIGTERM, SIGINT]) }

    @Test func `a program that ends by itself ends us with its status`() {
        var machine = running()
        #expect(machine.exited(3) == .exit(3))
        #expect(machine.rotated() == .wait)
        #expect(machine.signalled(SIGTERM, isShared: false) == .wait)
    }

    @Test func `a rotation stops the program and starts it again, once`() {
        var machine = running()
        #expect(machine.rotated() == .stop)
        #expect(machine.rotated() == .wait)
        #expect(machine.exited(143) == .spawn)
        #expect(machine.graceEnded() == .wait)
        #expect(machine.exited(0) == .exit(0))
    }

    @Test func `a program that will not stop is killed and started again`() {
        var machine = running()
        #expect(machine.rotated() == .stop)
        #expect(machine.graceEnded() == .kill)
        #expect(machine.exited(137) == .spawn)
    }

    @Test func `signals are passed on, but those of the terminal only once`() {
        var machine = running()
        #expect(machine.signalled(SIGUSR1, isShared: false) == .send(SIGUSR1))
        #expect(machine.signalled(SIGINT, isShared: true) == .wait)
        // It may outlive the signal.
        #expect(machine.rotated() == .stop)
        #expect(machine.signalled(SIGUSR1, isShared: false) == .send(SIGUSR1))
        #expect(machine.exited(0) == .spawn)
    }

    @Test(arguments: [true, false])
    func `a program that is being restarted when we are told to end is not started again`(isShared: Bool) {
        var machine = running()
        #expect(machine.rotated() == .stop)
        #expect(machine.signalled(SIGTERM, isShared: isShared) == (isShared ? .wait : .send(SIGTERM)))
        #expect(machine.graceEnded() == .kill)
        #expect(machine.exited(137) == .exit(137))
    }
}

@Suite struct ChildEnvironmentTests {
    @Test func `nothing is passed on but what programs need, what is named, and the tokens`() throws {
        let environment = ChildEnvironment(
            inherited: [
                "PATH=/bin", "HOME=/root", "GATEHOUSE_KEY=ghk1_x", "LC_ALL=C", "LC_EVIL_NOT=", "DEBUG=1", "OTHER=2",
                "CODA_API_TOKEN=stale", "LD_PRELOAD=/evil.so", "=odd", "noequals",
            ],
            keeping: ["DEBUG", "UNSET"],
            tokens: [("CODA_API_TOKEN", "fresh")].map { ($0.0, .init($0.1)) }
        )
        #expect(environment.names == ["PATH", "HOME", "LC_ALL", "LC_EVIL_NOT", "DEBUG", "CODA_API_TOKEN"])
        let lines = environment.withPointers { pointers in pointers.compactMap { $0.map { String(cString: $0) } } }
        #expect(lines.contains("CODA_API_TOKEN=fresh") && lines.contains("DEBUG=1") && lines.count == 6)
    }

    @Test(arguments: ["", "CODA", "=coda", "1A=coda", "A B=coda", "A=", "A=not a name", "A=s3cret/value"])
    func `what is no variable and token is refused without being repeated`(text: String) {
        #expect {
            try TokenVariable(parsing: text)
        } throws: { error in
            text.isEmpty || !"\(error)".contains("s3cret")
        }
    }
}
