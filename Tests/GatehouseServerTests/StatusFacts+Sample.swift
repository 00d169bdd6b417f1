@testable import AccessIdentity
import GatehouseCore
@testable import GatehouseServer
@testable import GatehouseTokens

extension StatusFacts {
    static let sampleTime = Timestamp(seconds: 1_795_424_400)

    /// The facts of an instance that has run for two minutes and lacks nothing: keys of the issuer, a store that was just read.
    static func sample(routes: [Route] = []) -> StatusFacts {
        let now = sampleTime
        var keys = SigningKeySource.Status()
        keys.keyIDs = ["kid-of-the-issuer"]
        keys.fetchedAt = now.seconds - 90
        keys.origin = .issuer
        keys.servesUntil = now.seconds + 3600
        var store = TokenRefreshState()
        store.lastSuccess = now
        var instance = InstanceFacts(now: now, reload: ReloadState(startedAt: now + .seconds(-120)))
        instance.keys = keys
        instance.store = store
        instance.storeName = "phase1"
        instance.routes = routes
        return StatusFacts(startedAt: now + .seconds(-120), instance: instance)
    }
}
