package import GatehouseCore

/// One finding at one place, in one line. The one form in which `doctor`, the running instance's log, `/readyz`, `status` and the status page report
/// trouble, so that an operator meets the same words everywhere; `Finding+Words.swift` has those that more than one of them uses.
package struct Finding: Hashable, Sendable {
    package enum Verdict: String, Sendable, Comparable {
        case ok
        /// The part works, and an operator should look at it.
        case warn
        /// The part does not work, or will not.
        case fail = "FAIL"

        package static func < (one: Verdict, other: Verdict) -> Bool { one.rank < other.rank }

        private var rank: Int {
            switch self {
            case .ok: 0
            case .warn: 1
            case .fail: 2
            }
        }
    }

    /// The subject of a check. Each has its entry in the runbook.
    package enum Probe: String, Sendable, CaseIterable {
        case configuration
        case authorities
        case certs
        case identity
        case clock
        case masterKey = "master-key"
        case store
        case token
        case renewal
        case pins
        case denials
        case fleet
        case credential
        case auditSink = "audit-sink"
        case spool
        case telemetry
        case upstream
        case exposure
        case openFiles = "open-files"
        case listener
        case admin
        case secrets
        case publicURL = "public-url"
        case signIn = "sign-in"
        case stream

        /// The heading of its entry in docs/OAUTH_TROUBLESHOOTING.md.
        package var runbook: String { "doctor-\(rawValue)" }
    }

    package let probe: Probe
    package let verdict: Verdict
    /// The one of several that is meant: a route, a token, a file. Empty when there is only one.
    package let subject: String
    /// Words without secrets.
    package let detail: String
    /// Advice to the operator; nil when there is nothing to do.
    package let advice: String?

    package init(_ probe: Probe, _ verdict: Verdict, _ detail: String, advice: String? = nil) {
        self.init(probe, verdict, "", detail, advice: advice)
    }

    package init(_ probe: Probe, _ verdict: Verdict, _ subject: String, _ detail: String, advice: String? = nil) {
        self.probe = probe
        self.verdict = verdict
        self.subject = subject
        self.detail = detail
        self.advice = advice
    }
}

extension Finding {
    /// Writes the members into an open object.
    package func write(to json: inout JSONText) {
        json.string("probe", probe.rawValue)
        json.string("verdict", verdict.rawValue.lowercased())
        json.string("subject", subject)
        json.string("detail", detail)
        if let advice { json.string("advice", advice) }
        json.string("runbook", probe.runbook)
    }

    /// Reads what ``write(to:)`` writes. Nil for a probe or verdict of another release.
    init?(_ scanner: inout JSONScanner) throws(JSONFault) {
        var texts: [String: String] = [:]
        try scanner.beginObject()
        while let name = try scanner.nextMember()?.text {
            if scanner.next == .string { texts[name] = try scanner.string().text } else { _ = try scanner.skip() }
        }
        let verdicts: [String: Verdict] = ["ok": .ok, "warn": .warn, "fail": .fail]
        guard let probe = texts["probe"].flatMap(Probe.init(rawValue:)),
            let verdict = texts["verdict"].flatMap({ verdicts[$0] })
        else { return nil }
        self.init(probe, verdict, texts["subject"] ?? "", texts["detail"] ?? "", advice: texts["advice"])
    }
}
