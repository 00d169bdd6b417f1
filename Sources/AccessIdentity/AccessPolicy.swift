package import GatehouseCore

/// The requirements on an assertion beside its signature and audience.
public struct AccessPolicy: Hashable, Sendable {
    /// The default of ``clockSkew``, in seconds.
    public static let defaultClockSkew: Int64 = 30
    /// The largest ``clockSkew``, in seconds. More would keep ended sessions alive rather than bridge clocks.
    public static let maximumClockSkew: Int64 = 600

    /// The required `iss`, byte for byte, such as `https://example.cloudflareaccess.com`.
    public let issuer: String
    /// How far the issuer's clock and this one may differ, in seconds: 0 to ``maximumClockSkew``, clamped. Applies to
    /// every comparison with the time.
    public let clockSkew: Int64
    /// How long ago `iat` may be, in seconds; nil for no ceiling beside `exp`. Negative counts as 0.
    public let maximumTokenAge: Int64?
    /// Principals refused although their assertions hold.
    public let denied: Denied
    /// The claims that are read of an assertion beside those that it is judged by.
    package let wanted: CallerAttributes.Wanted

    public init(
        issuer: String,
        clockSkew: Int64 = AccessPolicy.defaultClockSkew,
        maximumTokenAge: Int64? = nil,
        denied: Denied = Denied()
    ) {
        self.init(issuer, clockSkew, maximumTokenAge, denied, wanted: .nothing)
    }

    package init(
        _ issuer: String,
        _ clockSkew: Int64,
        _ maximumTokenAge: Int64?,
        _ denied: Denied,
        wanted: CallerAttributes.Wanted
    ) {
        self.issuer = issuer
        self.clockSkew = min(max(0, clockSkew), Self.maximumClockSkew)
        self.maximumTokenAge = maximumTokenAge.map { max(0, $0) }
        self.denied = denied
        self.wanted = wanted
    }

    /// The issuer of a Cloudflare Zero Trust team: `https://<team>.cloudflareaccess.com`.
    public static func issuer(team: String) -> String { "https://\(team).cloudflareaccess.com" }

    /// Principals refused although their assertions hold. A `*` in an entry stands for any run of characters.
    public struct Denied: Hashable, Sendable {
        /// E-mail addresses of people, in the form under which they are compared: without case, an internationalized domain as Unicode.
        public let users: Set<String>
        /// Client ids of service tokens, compared exactly.
        public let serviceTokens: Set<String>
        /// Values of the `sub` claim, compared exactly.
        public let subjects: Set<String>
        /// Groups, compared exactly; of people only.
        package let groups: Set<String>
        private let userPatterns: [Glob]
        private let serviceTokenPatterns: [Glob]
        private let subjectPatterns: [Glob]
        private let groupPatterns: [Glob]

        public init(users: Set<String> = [], serviceTokens: Set<String> = [], subjects: Set<String> = []) {
            self.init(users, serviceTokens, subjects, groups: [])
        }

        package init(
            _ users: Set<String>,
            _ serviceTokens: Set<String>,
            _ subjects: Set<String>,
            groups: Set<String>
        ) {
            self.users = Set(users.map { EmailForm.form(of: $0) })
            self.serviceTokens = serviceTokens
            self.subjects = subjects
            userPatterns = Self.patterns(self.users)
            serviceTokenPatterns = Self.patterns(serviceTokens)
            subjectPatterns = Self.patterns(subjects)
            self.groups = groups
            groupPatterns = Self.patterns(groups)
        }

        private static func patterns(_ entries: Set<String>) -> [Glob] {
            entries.filter { $0.utf8.contains(UInt8(ascii: "*")) }.sorted().map(Glob.init)
        }

        /// One of the lists; the raw value is its usual key in a configuration file.
        public enum List: String, Hashable, Sendable, CaseIterable {
            case users
            case serviceTokens = "service_tokens"
            case subjects
            case groups
        }

        /// The first list that names a principal, nil when none does.
        public func list(naming kind: VerifiedAssertion.Kind, _ name: String, subject: String) -> List? {
            switch kind {
            case .user where !users.isEmpty && Self.holds(users, userPatterns, EmailForm.form(of: name)): .users
            case .service where Self.holds(serviceTokens, serviceTokenPatterns, name): .serviceTokens
            case .user, .service: Self.holds(subjects, subjectPatterns, subject) ? .subjects : nil
            }
        }

        /// The same for a principal whose groups are known.
        package func list(
            naming kind: VerifiedAssertion.Kind,
            _ name: String,
            subject: String,
            groups named: [String]
        ) -> List? {
            if let list = list(naming: kind, name, subject: subject) { return list }
            guard kind == .user, !groups.isEmpty else { return nil }
            return named.contains { Self.holds(groups, groupPatterns, $0) } ? .groups : nil
        }

        private static func holds(_ entries: Set<String>, _ patterns: [Glob], _ text: String) -> Bool {
            entries.contains(text) || patterns.contains { $0.matches(text) }
        }
    }
}
