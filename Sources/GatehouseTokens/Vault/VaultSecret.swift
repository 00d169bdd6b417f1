internal import GatehouseCore

/// One version of a secret. What Gatehouse notes of a version stands in fields beside the value: they are written with it in one step and cannot be another
/// version's, as Vault's own metadata could.
struct VaultSecret {
    /// The fields of a version.
    enum Field: String, CaseIterable {
        case value
        /// The version that these were written as. Others may have copied the fields into a version of theirs.
        case version = "gatehouse_version"
        /// The version to go back to; none where it is left out.
        case previous = "gatehouse_previous"
        case action = "gatehouse_action"
        case actor = "gatehouse_actor"
        case note = "gatehouse_note"
        case expires = "gatehouse_expires"
    }

    /// JSON numbers are exact up to 2^53, and no secret is written so often.
    static let versions = 1...1 << 53

    var version = 0
    var createdAt: Timestamp?
    /// Deleted or destroyed: it has no fields any more.
    var isGone = false
    var value: Secret?
    var notes: [Field: String] = [:]
    /// The members of others, as `"name":value` with a comma before each.
    var others: Secret?

    /// What Gatehouse noted, of a version that it wrote itself.
    subscript(field: Field) -> String? { isOurs ? notes[field] : nil }

    private var isOurs: Bool { notes[.version].flatMap { Int($0) } == version }

    /// The version that was current before this one. One that others wrote is taken for a rotation. It is always lower, so that going back ends.
    var previous: Int? {
        let number = isOurs ? notes[.previous].flatMap { Int($0) } : version - 1
        return number.flatMap { $0 > 0 && $0 < version ? $0 : nil }
    }

    var expiresAt: Timestamp? { self[.expires].flatMap { Timestamp(parsing: $0) } }

    var action: TokenEvent.Action {
        self[.action].flatMap { TokenEvent.Action(rawValue: $0) } ?? (version == 1 ? .set : .rotate)
    }

    // Texts that others may have written: what a terminal would obey, or what is too long, is left out.
    var actor: String { plain(self[.actor] ?? "") }
    var note: String { plain(self[.note] ?? "") }
    private func plain(_ text: String) -> String {
        text.isFieldValueSafe && text.utf8.count <= TokenChange.maximumLength ? text : ""
    }
}
