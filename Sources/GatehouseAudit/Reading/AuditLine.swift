internal import GatehouseCore

/// One message as one line for a terminal: time, outcome, principal, call, duration.
struct AuditLine {
    let isColoured: Bool

    func text(_ event: AuditEvent) -> String {
        let decision = event.kind == .change ? event.kind.name : event.text(.decision)
        let status = event[.status].text
        var words = [String(event.at.rfc3339.prefix(19)) + "Z"]
        func add(_ text: String) { if !text.isEmpty { words.append(text.visible) } }
        words.append(coloured(decision.isEmpty ? "-" : decision, as: colour(event, decision)))
        add(status)
        add(who(event))
        add(event.route)
        add(AuditTable.call(event))
        add(AuditTable.target(event))
        let reason = event.text(.reason)
        if !reason.isEmpty { words.append(coloured(reason, as: .bad)) }
        if !event.text(.rpcError).isEmpty { add("rpc error \(event.text(.rpcError))") }
        if let micros = event.integer(.durationMicroseconds) { add("\(AuditTable.milliseconds(micros)) ms") }
        add(event.requestID.description)
        return words.joined(separator: " ")
    }

    private func who(_ event: AuditEvent) -> String {
        if !event.principal.isEmpty { return event.principal }
        let kind = event.text(.principalKind)
        if !kind.isEmpty { return kind }
        let address = event.text(.clientIP)
        return address.isEmpty ? "nobody" : "nobody at \(address)"
    }

    private enum Colour: String {
        case good = "32"
        case doubtful = "33"
        case bad = "31"
    }

    private func colour(_ event: AuditEvent, _ decision: String) -> Colour {
        if event.kind == .change { return .doubtful }
        if decision != "allow" { return .bad }
        let status = event.integer(.status) ?? 200
        return status >= 400 || !event.text(.rpcError).isEmpty || !event.text(.reason).isEmpty ? .doubtful : .good
    }

    private func coloured(_ text: String, as colour: Colour) -> String {
        let text = text.visible
        return isColoured ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
    }
}
