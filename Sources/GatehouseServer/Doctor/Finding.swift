/// What the doctor found at one place: one line.
package struct Finding: Hashable, Sendable {
    package enum Verdict: String, Sendable, Comparable {
        case ok
        /// It works, and somebody should look.
        case warn
        /// It does not work, or will not.
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

    /// What is looked at. Each has its entry in the runbook.
    package enum Probe: String, Sendable, CaseIterable {
        case configuration
        case authorities
        case certs
        case clock
        case masterKey = "master-key"
        case store
        case token
        case credential
        case auditSink = "audit-sink"
        case spool
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
    /// Which of several: a route, a token, a file. Empty when there is one.
    package let subject: String
    /// Words without secrets.
    package let detail: String
    /// What to do; nil when there is nothing to do.
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
