/// The occasions on which a keeper of what stands in a store looks for what is due: time has passed, another process has written, or something has
/// happened in this one.
package struct Waker: Sendable {
    private let waking: AsyncStream<Void>.Continuation
    private let woken: AsyncStream<Void>

    package init() { (woken, waking) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1)) }

    /// Asks for a round; from anywhere, and returns at once. However often it is asked before the next one begins, that covers them all.
    package func wake() { waking.yield() }

    /// Makes rounds until the task is cancelled: one each `interval`, one for each change that the store notifies of, and one when it is asked for.
    /// To be called once.
    package func run(
        every interval: Duration,
        watching store: any TokenStore,
        _ surroundings: TokenRefresher.Surroundings,
        isolation: isolated (any Actor)? = #isolation,
        round: () async -> Void
    ) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await store.watch { wake() } }
            group.addTask { while (try? await surroundings.sleep(interval)) != nil { wake() } }
            for await _ in woken { await round() }
            group.cancelAll()
        }
    }
}
