internal import GatehouseConfig

/// Decides whether a file that could be read is taken now: a machine without clock or file. Times are since any fixed point.
///
/// A file that holds still may still be half of one: a copy that stalled, or was cut, loses its end, and with it an `allow` or a deny list.
/// What narrows access is never kept waiting.
struct ReloadGate: Sendable {
    /// How long a file that may be half of one must have been the same.
    static let settling: Duration = .seconds(10)

    enum Verdict: Equatable, Sendable {
        case take
        /// - Parameters:
        ///   - why: in words.
        ///   - remaining: until it would be taken, nil when only an operator has it taken.
        case hold(why: String, remaining: Duration?)
    }

    private var held: (text: [UInt8], since: Duration)?

    /// Whether a file waits.
    var isHolding: Bool { held != nil }

    /// - Parameters:
    ///   - old: what is in force.
    ///   - gains: who may do more under the new one.
    ///   - isConfirmed: whether an operator has said that this file is meant.
    mutating func judge(
        _ new: Configuration,
        over old: Configuration,
        gains: [AccessGain],
        isConfirmed: Bool,
        at now: Duration
    ) -> Verdict {
        guard !gains.isEmpty, !isConfirmed else { return take() }
        let since = held.flatMap { $0.text == new.text ? $0.since : nil } ?? now
        if old.reload.widening == .confirm {
            held = (new.text, since)
            return .hold(why: "wider access waits for `gatehouse reload --yes`", remaining: nil)
        }
        guard let doubt = Self.doubt(new, over: old, gains) else { return take() }
        guard now - since < Self.settling else { return take() }
        held = (new.text, since)
        return .hold(why: doubt, remaining: Self.settling - (now - since))
    }

    /// The file could not be read, or is not there: what was held is not what is there now.
    mutating func forget() { held = nil }

    private mutating func take() -> Verdict {
        held = nil
        return .take
    }

    /// Why the file may be half of one.
    private static func doubt(_ new: Configuration, over old: Configuration, _ gains: [AccessGain]) -> String? {
        if new.text.last != UInt8(ascii: "\n") { return "the file does not end with a line end" }
        if old.text.starts(with: new.text) { return "the file is the beginning of the one before" }
        if new.text.count < old.text.count / 2 { return "the file is smaller than half of the one before" }
        if let lost = gains.first(where: { $0.kind == .allowGone }) {
            return "the route '\(lost.route ?? "")' has lost its 'allow'"
        }
        return nil
    }
}
