extension DenyEntry {
    /// Writes the members into an open object.
    package func write(to json: inout JSONText) {
        json.string("kind", kind.rawValue)
        json.string("entry", text)
        json.string("by", by)
        json.string("at", at.rfc3339)
        if !note.isEmpty { json.string("note", note) }
    }
}
