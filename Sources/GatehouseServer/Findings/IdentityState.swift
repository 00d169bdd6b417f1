package import AccessIdentity
package import GatehouseConfig
internal import GatehouseCore

/// The identity endpoint, and what became of the questions to it.
package struct IdentityState: Sendable {
    /// Seconds for which a failure is reported that no answer has followed: nobody may have asked since.
    static let memory: Int64 = 300

    package let settings: IdentitySettings
    package var status: IdentitySource.Status

    package init(settings: IdentitySettings, status: IdentitySource.Status) {
        self.settings = settings
        self.status = status
    }

    /// The failure that stands: the endpoint could not be asked, and has not answered since.
    func failure(at now: Int64) -> IdentityFailure? {
        guard let last = status.lastFailure, last.at >= status.lastSuccess ?? .min, now - last.at < Self.memory else {
            return nil
        }
        return last.failure
    }

    func finding(at now: Int64) -> Finding? {
        failure(at: now).map { failure in
            .identity(settings.url.text, "\(failure)", settings.onFailure == .deny ? .fail : .warn)
        }
    }
}
