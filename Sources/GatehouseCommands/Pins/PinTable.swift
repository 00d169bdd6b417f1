internal import GatehouseCore

/// How pins are shown.
enum PinTable {
    static func show(_ books: [(route: Route, book: PinBook)], json: Bool) {
        if json {
            var text = JSONText()
            text.array { list in
                for (route, book) in books {
                    for (name, pin) in book.pins.sorted(by: { $0.key < $1.key }) {
                        list.object { write(route, name, pin, to: &$0) }
                    }
                }
            }
            return Terminal.print(text)
        }
        let rows = books.flatMap { route, book in
            book.pins.sorted { $0.key < $1.key }.map { name, pin in
                [
                    route.name.text, HiddenText.shown(name.description), pin.state.rawValue, pin.seen?.short ?? "-",
                    pin.approved?.digest.short ?? "-", pin.approved?.at.rfc3339 ?? "-", pin.approved?.by ?? "-",
                    pin.waiting?.since.rfc3339 ?? "-",
                ]
            }
        }
        TokenTable.show(
            [["ROUTE", "TOOL", "STATE", "LISTED AS", "APPROVED AS", "APPROVED", "BY", "WAITS SINCE"]] + rows
        )
    }

    private static func write(_ route: Route, _ name: ToolName, _ pin: PinBook.Pin, to json: inout JSONText) {
        json.string("route", route.name.text)
        json.string("tool", name.description)
        json.string("state", pin.state.rawValue)
        if let seen = pin.seen { json.string("digest", seen.description) }
        if let approved = pin.approved {
            json.string("approved_digest", approved.digest.description)
            json.string("approved_by", approved.by)
            json.string("approved_at", approved.at.rfc3339)
        }
        if let waiting = pin.waiting { json.string("waits_since", waiting.since.rfc3339) }
        if let rejected = pin.rejected {
            json.string("rejected_digest", rejected.digest.description)
            json.string("rejected_by", rejected.by)
            json.string("rejected_at", rejected.at.rfc3339)
        }
    }

    /// One tool: what was approved of it, and what is listed.
    static func show(_ name: ToolName, _ pin: PinBook.Pin) {
        let before = pin.approved.map { "\($0.digest.short), approved by \($0.by) at \($0.at.rfc3339)" } ?? "nothing"
        Terminal.print("--- \(HiddenText.shown(name.description)): \(before.visible)")
        guard let waiting = pin.waiting else {
            Terminal.print("+++ listed as it was approved")
            for line in DefinitionLines.of(pin.approved?.canonical ?? []) { Terminal.print("  \(line)") }
            return warn(pin.approved?.canonical ?? [])
        }
        Terminal.print("+++ \(waiting.digest.short), \(pin.state.rawValue) since \(waiting.since.rfc3339)")
        let new = DefinitionLines.of(waiting.canonical)
        if waiting.canonical.isEmpty {
            Terminal.print("  (its definition is too long to be kept with those of the others)")
        }
        let old = DefinitionLines.of(pin.approved?.canonical ?? [])
        for line in merged(old, new) { Terminal.print(line) }
        warn(waiting.canonical)
    }

    private static func warn(_ canonical: [UInt8]) {
        for warning in DefinitionLines.hidden(in: canonical) { Terminal.print("! hidden text: \(warning)") }
    }

    /// Both texts as one: what both have, what was taken out and what was put in.
    private static func merged(_ old: [String], _ new: [String]) -> [String] {
        let difference = new.difference(from: old)
        var removed: Set<Int> = []
        var inserted: Set<Int> = []
        for change in difference {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): inserted.insert(offset)
            }
        }
        var lines: [String] = []
        var (i, j) = (0, 0)
        while i < old.count || j < new.count {
            if i < old.count, removed.contains(i) {
                lines.append("- \(old[i])")
                i += 1
            } else if j < new.count, inserted.contains(j) {
                lines.append("+ \(new[j])")
                j += 1
            } else {
                if j < new.count { lines.append("  \(new[j])") }
                i += 1
                j += 1
            }
        }
        return lines
    }
}
