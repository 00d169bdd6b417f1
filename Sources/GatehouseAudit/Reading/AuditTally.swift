/// Counts of messages. Bounded: of names beyond ``maximumNames`` in one list only the number is kept, under `…`.
package struct AuditTally: Sendable {
    package static let maximumNames = 10_000
    private static let others = "…"

    package private(set) var messages = 0
    package private(set) var denied = 0
    private var routes: [String: Int] = [:]
    private var reasons: [String: Int] = [:]
    private var principals: [String: Int] = [:]
    private var targets: [String: Int] = [:]
    /// Requests by the milliseconds that they took, in steps of a tenth of their size: exact enough, and a few hundred at most.
    private var durations: [Int: Int] = [:]

    package init() {}

    /// Changes are no messages.
    package mutating func add(_ event: AuditEvent) {
        guard event.kind != .change else { return }
        let count = event.requests
        messages += count
        if event.isAllowed == false { denied += count }
        Self.add(event.route, count, to: &routes)
        Self.add(event.text(.reason), count, to: &reasons)
        Self.add(event.principal, count, to: &principals)
        Self.add(event.target, count, to: &targets)
        if let micros = event.integer(.durationMicroseconds) {
            durations[Self.step(Int(clamping: micros) / 1000), default: 0] += count
        }
    }

    private static func add(_ name: String, _ count: Int, to list: inout [String: Int]) {
        guard !name.isEmpty else { return }
        list[list[name] != nil || list.count < maximumNames ? name : others, default: 0] += count
    }

    /// Each list by its title, the most frequent first.
    package var lists: [(title: String, counts: [(name: String, count: Int)])] {
        [("routes", routes), ("reasons", reasons), ("principals", principals), ("targets", targets)].map {
            title,
            list in
            (title, list.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, $0.value) })
        }
    }

    /// The milliseconds within which so many of a hundred requests ended; nil without any.
    package func percentile(_ share: Int) -> Int? {
        let total = durations.values.reduce(0, +)
        var seen = 0
        for (step, count) in durations.sorted(by: { $0.key < $1.key }) {
            seen += count
            if seen * 100 >= total * share { return step }
        }
        return nil
    }

    private static func step(_ milliseconds: Int) -> Int {
        guard milliseconds > 20 else { return max(0, milliseconds) }
        var unit = 1
        while milliseconds / unit >= 100 { unit *= 10 }
        return (milliseconds + unit - 1) / unit * unit
    }
}
