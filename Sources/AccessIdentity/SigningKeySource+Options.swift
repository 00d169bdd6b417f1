extension SigningKeySource {
    /// How keys are fetched and how long they serve. All times in seconds.
    public struct Options: Sendable {
        /// The default of ``refreshInterval``: an hour.
        public static let defaultRefreshInterval: Int64 = 3600
        /// The default of ``maximumStaleness``: 72 hours.
        public static let defaultMaximumStaleness: Int64 = 72 * 3600
        /// The default of ``unknownKeyInterval``.
        public static let defaultUnknownKeyInterval: Int64 = 60
        /// The default of ``jitter``.
        public static let defaultJitter = 0.1

        public var url: SigningKeysURL
        /// Seconds between two background refreshes. At least 1.
        public var refreshInterval: Int64
        /// How long keys serve after they were fetched while no newer ones can be. At least 0.
        public var maximumStaleness: Int64
        /// Seconds after which one more refresh may be spent on an unknown key id; three may follow each other at once. At least 0.
        public var unknownKeyInterval: Int64
        /// The fraction by which each wait is randomly longer or shorter, so that many replicas do not fetch at once. 0 to 0.5.
        public var jitter: Double
        /// The file of the last good keys, nil for none. Written atomically with mode 0600; read only when the first fetch fails, and refused when
        /// others may write it.
        public var path: String?

        /// Values out of bounds are clamped.
        public init(
            url: SigningKeysURL,
            refreshInterval: Int64 = Options.defaultRefreshInterval,
            maximumStaleness: Int64 = Options.defaultMaximumStaleness,
            unknownKeyInterval: Int64 = Options.defaultUnknownKeyInterval,
            jitter: Double = Options.defaultJitter,
            path: String? = nil
        ) {
            self.url = url
            self.refreshInterval = min(max(1, refreshInterval), 1 << 31)
            self.maximumStaleness = max(0, maximumStaleness)
            self.unknownKeyInterval = min(max(0, unknownKeyInterval), 1 << 31)
            self.jitter = jitter.isFinite ? min(max(0, jitter), 0.5) : Options.defaultJitter
            self.path = path
        }
    }

    /// The state of the keys, for operators. All times in seconds since 1970.
    public struct Status: Sendable {
        /// The source of the keys in use.
        public enum Origin: String, Hashable, Sendable {
            case issuer, file
        }

        /// A fetch that brought no usable keys.
        public struct Failure: Hashable, Sendable {
            public let at: Int64
            public let message: String
        }

        /// When the keys in use were fetched; nil while there never were any.
        public internal(set) var fetchedAt: Int64?
        public internal(set) var origin: Origin?
        /// The time until which the keys in use serve.
        public internal(set) var servesUntil: Int64?
        public internal(set) var keyIDs: [String] = []
        /// Keys of the set in use that are not used.
        public internal(set) var skipped: [SigningKeys.Skipped] = []
        /// The last failure, also when a fetch succeeded since: compare ``Failure/at`` with ``fetchedAt``.
        public internal(set) var lastFailure: Failure?
        /// Why the file of last-good keys could not be used or written the last time, nil when it could.
        public internal(set) var fileProblem: String?

        public init() {}

        /// How old the keys are; nil while there are none.
        public func age(now: Int64) -> Int64? { fetchedAt.map { max(0, now - $0) } }

        /// Whether assertions can be verified.
        public func isReady(now: Int64) -> Bool { servesUntil.map { now <= $0 } ?? false }
    }
}
