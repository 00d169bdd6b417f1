internal import GatehouseConfig

/// The cause of a reload.
package enum ReloadCause: Sendable {
    /// `gatehouse reload`.
    case command
    /// SIGHUP.
    case signal
    /// The watch, which saw the file change.
    case change
}

/// Decides whether a file that could be read is taken now: a machine without clock or file. Times are since any fixed point.
///
/// A file that holds still may still be half of one: a copy that stalled, or was cut, loses its end, and with it an `allow` or a deny list.
/// A file that narrows access is never held.
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
    /// The file that was refused last, while no other reading came after it.
    private var refused: (text: [UInt8], result: ReloadOutcome.Result)?

    /// Whether a file is held.
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
        refused = nil
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

    /// The outcome of a text that was read already: for a file in force nothing is left to do, and a refused one is not reported again because the
    /// watch sees it, too. A command always gets its own answer, and a signal after a refusal tries again: a store that could not be reached may be
    /// back.
    func known(_ text: [UInt8], isInForce: Bool, to cause: ReloadCause) -> ReloadOutcome? {
        guard cause != .command else { return nil }
        if isInForce { return ReloadOutcome(.taken) }
        guard cause == .change, let refused, refused.text == text else { return nil }
        return ReloadOutcome(refused.result)
    }

    /// The file was refused; what was held is not what is there now.
    ///
    /// - Parameter text: nil for a file that could not be read, or was being written.
    mutating func refused(_ text: [UInt8]?, _ result: ReloadOutcome.Result) {
        held = nil
        refused = text.map { ($0, result) }
    }

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
