internal import ArgumentParser
internal import GatehouseOperations
internal import GatehouseServer
internal import Glibc
internal import Synchronization
internal import UnixSignals

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Show Gatehouse at work: everything on loopback, in a temporary folder.",
        discussion: "Exits 0 when every step did what it says."
    )

    @Flag(name: .long, help: "Stay up afterwards, and print lines to try by hand.")
    var keep = false

    func run() async throws {
        let demo = Demo(usesColor: isatty(STDOUT_FILENO) == 1) { line in
            Terminal.print(line)
            DataOutput.standard.flush()
        }
        // Heard from the start: a demo that dies of a signal would leave its folder, and the key in it, behind.
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        let story = Story(demo, keeps: keep)
        try await withThrowingTaskGroup(of: Bool.self) { tasks in
            tasks.addTask {
                try await story.run()
                return true
            }
            tasks.addTask {
                for await _ in signals { break }
                return false
            }
            let isTold = try await tasks.next() ?? true
            tasks.cancelAll()
            guard !isTold else { return }
            // Cancelled, it ends with an error of no interest, once everything is stopped and removed.
            while let result = await tasks.nextResult() { _ = result }
            if !story.isTold { throw CommandFailure("the demo was interrupted") }
        }
    }
}

/// A demo, and whether it has come to its end.
private final class Story: Sendable {
    private let demo: Demo
    private let keeps: Bool
    private let hasEnded = Mutex(false)

    init(_ demo: Demo, keeps: Bool) {
        self.demo = demo
        self.keeps = keeps
    }

    /// Whether every step was shown, so that an interruption is the wanted end.
    var isTold: Bool { hasEnded.withLock { $0 } }

    func run() async throws {
        guard keeps else { return try await demo.run() }
        try await demo.run(lingering: {
            self.hasEnded.withLock { $0 = true }
            // Until cancelled.
            while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
        })
    }
}
