internal import GatehouseCore

/// How the configuration in force came about: for metrics, readiness and the status page.
struct ReloadState: Sendable {
    /// When the configuration in force was taken.
    private(set) var loadedAt: Timestamp
    /// When a file was last read again, whatever came of it; nil before the first time.
    private(set) var lastAttempt: Timestamp?
    /// Files taken and files refused since the start.
    private(set) var taken = 0
    private(set) var refused = 0
    /// Why the last file was refused, as `check` says it; empty when it was taken.
    private(set) var problems: [String] = []
    /// Sections of the last file taken that wait for a restart.
    private(set) var waiting: [String] = []

    /// The reason why the last file is held; nil when it is not.
    private(set) var holding: String?

    /// Problems that are kept: the first ones say what there is to do.
    static let maximumProblems = 8

    init(startedAt: Timestamp) { loadedAt = startedAt }

    var succeeded: Bool { problems.isEmpty && holding == nil }

    mutating func took(at time: Timestamp, waiting: [String]) {
        loadedAt = time
        lastAttempt = time
        taken += 1
        problems = []
        holding = nil
        self.waiting = waiting
    }

    mutating func refused(at time: Timestamp, _ problems: [String]) {
        lastAttempt = time
        refused += 1
        holding = nil
        self.problems = problems.isEmpty ? ["unknown"] : Array(problems.prefix(Self.maximumProblems))
    }

    /// The last file is good and held.
    mutating func held(at time: Timestamp, _ why: String) {
        lastAttempt = time
        problems = []
        holding = why
    }

    /// One line for readiness: what is in force, and why that is not the file.
    var detail: String {
        if let holding { return "the last file is held, the old one goes on: \(holding)" }
        guard let problem = problems.first else {
            return waiting.isEmpty ? "in force" : "waiting for a restart: \(waiting.joined(separator: " "))"
        }
        let line = problem.split(separator: "\n").first.map(String.init) ?? problem
        return "the last file was refused, the old one goes on: \(line)"
    }
}
