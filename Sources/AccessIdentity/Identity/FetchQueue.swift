/// The fetches that are under way, and those that wait. Each person has one fetch under way, so that nobody's sign-ins keep the others from theirs.
struct FetchQueue {
    /// Fetches under way at most: half of what ``CurlClient`` runs at once, so that keys and tokens are fetched beside them.
    static let maximumRunning = 8
    /// Fetches that wait at most; one more is refused. Those that no request waits for have half of the room.
    static let maximumWaiting = 256
    /// Fetches of one person, with the one under way; one more is refused.
    static let maximumPerPerson = 4

    typealias Ticket = UInt64

    private(set) var running: [Ticket: SignIn.Person] = [:]
    /// Those that a request waits for first, in the order of their arrival.
    private(set) var waiting: [(ticket: Ticket, person: SignIn.Person)] = []
    private var waitedFor = 0
    private var last: Ticket = 0
    private var counts: [SignIn.Person: Int] = [:]

    /// Takes a place; the fetch may begin once ``isRunning(_:)``.
    ///
    /// - Parameter isWaitedFor: whether a request waits for it, and not only the answer that is kept grows old.
    /// - Returns: nil when there is no room.
    mutating func join(_ person: SignIn.Person, isWaitedFor: Bool) -> Ticket? {
        let count = counts[person, default: 0]
        let mayRun = count == 0 && running.count < Self.maximumRunning
        let room = isWaitedFor ? Self.maximumWaiting : Self.maximumWaiting / 2
        guard count < Self.maximumPerPerson, mayRun || waiting.count < room else { return nil }
        last += 1
        counts[person] = count + 1
        if mayRun {
            running[last] = person
        } else if isWaitedFor {
            waiting.insert((last, person), at: waitedFor)
            waitedFor += 1
        } else {
            waiting.append((last, person))
        }
        return last
    }

    func isRunning(_ ticket: Ticket) -> Bool { running[ticket] != nil }

    /// A fetch has ended.
    ///
    /// - Returns: those that may begin now.
    mutating func ended(_ ticket: Ticket) -> [Ticket] {
        guard let person = running.removeValue(forKey: ticket) else { return [] }
        let rest = counts[person, default: 1] - 1
        counts[person] = rest > 0 ? rest : nil
        var busy = Set(running.values)
        var begun: [Ticket] = []
        var index = 0
        while index < waiting.count, running.count < Self.maximumRunning {
            let next = waiting[index]
            guard busy.insert(next.person).inserted else {
                index += 1
                continue
            }
            waiting.remove(at: index)
            if index < waitedFor { waitedFor -= 1 }
            running[next.ticket] = next.person
            begun.append(next.ticket)
        }
        return begun
    }
}
