/// Closures that wait for their time, soonest first. Confined to one loop; few at once: connections that are being made, answered
/// overloads, the sweeps.
struct TimerQueue {
    private struct Entry {
        let time: MonotonicTime
        let id: UInt64
        let body: () -> Void
    }

    /// Latest first, so that the soonest is taken from the end.
    private var entries: [Entry] = []
    private var lastID: UInt64 = 0

    var next: MonotonicTime? { entries.last?.time }

    /// - Returns: what ``cancel(_:)`` wants.
    mutating func add(at time: MonotonicTime, _ body: @escaping () -> Void) -> UInt64 {
        lastID += 1
        // Entries of the same time keep their order.
        let place = entries.firstIndex { $0.time <= time } ?? entries.endIndex
        entries.insert(Entry(time: time, id: lastID, body: body), at: place)
        return lastID
    }

    mutating func cancel(_ id: UInt64) { entries.removeAll { $0.id == id } }

    mutating func takeDue(at now: MonotonicTime) -> (() -> Void)? {
        guard let last = entries.last, last.time <= now else { return nil }
        return entries.removeLast().body
    }

    mutating func removeAll() { entries = [] }
}
