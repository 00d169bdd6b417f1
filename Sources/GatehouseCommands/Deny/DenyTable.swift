internal import GatehouseConfig
internal import GatehouseCore

/// How deny entries are shown.
enum DenyTable {
    /// Those of both places.
    static func show(_ made: DenyBook, _ file: DenyList, json: Bool) {
        if json {
            var text = JSONText()
            text.array { list in
                for entry in made.entries {
                    list.object { object in
                        object.string("from", "command")
                        entry.write(to: &object)
                    }
                }
                for (kind, pattern) in written(file) {
                    list.object { object in
                        object.string("from", "file")
                        object.string("kind", kind.rawValue)
                        object.string("entry", pattern)
                    }
                }
            }
            return Terminal.print(text)
        }
        let rows =
            made.entries.map { [$0.kind.word, $0.text, "command", $0.by, $0.at.rfc3339, $0.note] }
            + written(file).map { [$0.kind.word, $0.text, "file", "", "", ""] }
        TokenTable.show([["KIND", "ENTRY", "FROM", "BY", "AT", "NOTE"]] + rows)
    }

    static func show(_ entries: [DenyEntry]) {
        var text = JSONText()
        text.array { list in for entry in entries { list.object { entry.write(to: &$0) } } }
        Terminal.print(text)
    }

    private static func written(_ file: DenyList) -> [(kind: DenyEntry.Kind, text: String)] {
        DenyEntry.Kind.allCases.flatMap { kind in file.texts(kind).map { (kind, $0) } }
    }
}
