internal import GatehouseCore
internal import GatehouseTokens
internal import Logging
internal import Synchronization

extension LiveTokens {
    /// What an upstream said to a token: called on event loops, so it returns at once. An acceptance is told once for each version, a
    /// rejection each time.
    func upstreamAnswered(_ route: Route, _ token: TokenName, version: Int, isRejection: Bool) {
        let (verdict, source) = state.withLock { state in
            guard isRejection else {
                state.watch.accepted(token, version: version)
                return (PromotionWatch.Verdict.ignore, state.source)
            }
            let verdict = state.watch.rejected(
                token,
                version: version,
                at: ContinuousClock.now - began,
                mayGoBack: route.autoRevert
            )
            return (verdict, state.source)
        }
        guard let source else { return }
        switch verdict {
        case .ignore: break
        case .refresh: source.refresher.requestRefresh()
        case .goBack(let version): Task { await goBack(route, token, from: version, source) }
        }
    }

    private func goBack(_ route: Route, _ token: TokenName, from version: Int, _ source: Source) async {
        var metadata: Logger.Metadata = ["token": "\(token)", "route": "\(route.name)", "token.version": "\(version)"]
        do throws(TokenError) {
            let change = try TokenChange(
                actor: "gatehouse",
                note: "auto_revert: the upstream of route \(route.name) answered 401"
            )
            // Only from that version: of several replicas one goes back, and nobody's newer rotation is undone.
            let summary = try await source.store.rollback(token, from: version, change)
            metadata["token.restored"] = "\(summary.version)"
            logger.error("the upstream rejects the new token: went back to the version before", metadata: metadata)
            state.withLock { $0.reverts[token, default: 0] += 1 }
            await source.refresher.refreshNow()
            onRevert(route, token, summary.version)
        } catch {
            metadata["error"] = "\(error)"
            if error.code == .superseded {
                logger.notice("the upstream rejects a token that was replaced already", metadata: metadata)
                await source.refresher.refreshNow()
            } else {
                logger.error("the upstream rejects the new token, and going back failed", metadata: metadata)
            }
        }
    }
}
