/// How many events are handed to the sink at once.
///
/// A database that takes 90 rows a second never finishes 1,000 in its ten seconds: the same batch would come again for ever. So the
/// size is halved with each batch that runs out of time. It grows back while batches need little of that time; one that grew whenever a batch
/// succeeded would lose every second attempt.
struct BatchSize {
    /// The smallest size.
    static let least = 1
    /// The share of the time that a batch may need for the next to be larger. Twice the size then still fits with room to spare.
    static let quick = 4

    private(set) var current: Int
    private let most: Int

    init(most: Int) {
        self.most = max(Self.least, most)
        current = self.most
    }

    /// A batch ran out of time.
    mutating func timedOut() { current = max(Self.least, current / 2) }

    /// A batch of `count` events was taken.
    ///
    /// - Parameter timeout: the time that it had, nil for a sink without a bound.
    mutating func taken(_ count: Int, in time: Duration, of timeout: Duration?) {
        // A batch that was not full says nothing about a larger one.
        guard count >= current, current < most else { return }
        guard let timeout else { return current = most }
        if time * Self.quick <= timeout { current = min(most, current * 2) }
    }
}
