internal import SocketLoop

/// A look at all connections of a loop, in turns where they are many: what comes meanwhile waits for a turn and not for the round.
///
/// It goes from the last place down. Who leaves is replaced by the last one, who was looked at already, so nobody who stays is passed over.
struct SweepRound {
    /// Places of a turn, as long as ``mostTurns`` of them reach; a place takes about a microsecond.
    static let placesInTurn = 128
    static let mostTurns = 8

    /// How long a round takes.
    let interval: TimeSpan
    private var turns = 1
    private var turnsLeft = 0
    private var placesLeft = 0

    init(interval: TimeSpan) { self.interval = interval }

    /// Whether the turn that was taken last ended the round.
    var isOver: Bool { turnsLeft == 0 }
    /// The time from one turn to the next.
    var pause: TimeSpan { TimeSpan(nanoseconds: interval.nanoseconds / Int64(turns)) }

    /// The places of the next turn, to be looked at from the last one down.
    ///
    /// - Parameter count: of all connections now.
    mutating func turn(of count: Int) -> Range<Int> {
        if isOver {
            turns = max(1, min(Self.mostTurns, (count + Self.placesInTurn - 1) / Self.placesInTurn))
            turnsLeft = turns
            placesLeft = count
        }
        placesLeft = min(placesLeft, count)
        let end = placesLeft
        placesLeft -= (placesLeft + turnsLeft - 1) / turnsLeft
        turnsLeft -= 1
        return placesLeft..<end
    }
}
