internal import GatehouseCore
internal import GatehouseTokens
internal import Logging
internal import Synchronization

extension LiveTokens {
    /// An upstream answered 401 to a token: called on event loops, so it returns at once.
    func upstreamRejected(_ route: Route, _ token: TokenName, version: Int) {
        let (verdict, source) = state.withLock { state in
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
        case .prove(let version):
            source.refresher.requestRefresh()
            Task { await prove(route, token, version, source) }
        }
    }

    /// Tries a version that was rejected, and the one before it, and goes back when only that one works. What a caller was answered decides
    /// nothing here.
    private func prove(_ route: Route, _ token: TokenName, _ version: Int, _ source: Source) async {
        var metadata: Logger.Metadata = ["token": "\(token)", "route": "\(route.name)", "token.version": "\(version)"]
        do throws(TokenError) {
            let tokens = served()
            guard let probe = TokenProbe(of: token, on: route), let current = tokens[token], current.version == version
            else { return }
            let former = try await source.store.predecessor(of: token, version: version)
            let answer = await probe.ask(with: current, others: tokens)
            guard case .fails(let problem) = answer else {
                let known = answer == .works ? "finds good" : "cannot judge now"
                logger.info("the upstream answered 401 to a token that its probe \(known)", metadata: metadata)
                return
            }
            metadata["problem"] = "\(problem)"
            guard case .works = await probe.ask(with: former, others: tokens) else {
                logger.warning(
                    "the upstream rejects the new token, and the one before works no better",
                    metadata: metadata
                )
                return
            }
            let change = try TokenChange(
                actor: "gatehouse",
                note: "auto_revert: the probe of route \(route.name) failed with version \(version) only"
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
