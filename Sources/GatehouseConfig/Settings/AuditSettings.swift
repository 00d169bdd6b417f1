package import GatehouseCore

/// The parts of each request that are recorded, and the sink for them.
package struct AuditSettings: Equatable, Sendable {
    package static let defaultSpool = "/var/lib/gatehouse/spool"
    package static let defaultSink = Sink.sqlite(path: "/var/lib/gatehouse/gatehouse.db")
    package static let defaultDurability = AuditDurability.process
    package static let defaultOnFailure = AuditFailurePolicy.deny
    package static let defaultArguments = AuditArguments.digest
    package static let defaultRetention: Duration = .seconds(90 * 86_400)
    /// Bounds of `retention`.
    package static let retentionRange: ClosedRange<Duration> = .seconds(3600)...(.seconds(36_500 * 86_400))

    package static let defaultMaxSpool = 1 << 30
    /// Bounds of `max_spool`.
    package static let maxSpoolRange = 64 << 20...1 << 40

    /// The directory where events wait for the sink.
    package let spool: String
    package let sink: Sink
    package let durability: AuditDurability
    package let onFailure: AuditFailurePolicy
    package let arguments: AuditArguments
    /// How long rows are kept.
    package let retention: Duration
    /// Bytes of events that may wait for the sink; beyond it `on_failure` says what happens.
    package let maxSpool: Int

    /// Whether all is the same but what can change while running: the sink, and how long its rows are kept.
    package func hasSameSpool(as other: AuditSettings) -> Bool {
        spool == other.spool && durability == other.durability && onFailure == other.onFailure
            && arguments == other.arguments && maxSpool == other.maxSpool
    }

    package enum Sink: Equatable, Sendable {
        case sqlite(path: String)
        case postgres(url: PostgresURL)
        case stdout
        /// Events stay in the spool.
        case none

        /// The values of `kind`.
        package enum Kind: String, Sendable, CaseIterable {
            case sqlite, postgres, stdout, none
        }
    }

    package static let standard = AuditSettings(
        spool: defaultSpool,
        sink: defaultSink,
        durability: defaultDurability,
        onFailure: defaultOnFailure,
        arguments: defaultArguments,
        retention: defaultRetention,
        maxSpool: defaultMaxSpool
    )
}
