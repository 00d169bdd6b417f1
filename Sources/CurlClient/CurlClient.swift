internal import CCurl
internal import Synchronization
internal import Threads

/// Sends requests through libcurl, each on a thread of its own, off Swift's cooperative pool.
///
/// Made for the control plane: a few calls a minute, each over a new connection.
package struct CurlClient: Sendable {
    /// Calls that run at once in the process; beyond it they wait in order.
    package static let maximumRunning = 16
    /// Calls that wait; beyond it ``CurlError/Code/overloaded``.
    package static let maximumWaiting = 1024

    package init() {}

    /// Sends a request and reads its answer to the end.
    ///
    /// Cancelling the task ends the call at once with ``CurlError/Code/cancelled``.
    package func perform(_ request: CurlRequest) async throws(CurlError) -> CurlResponse {
        guard CurlLibrary.isReady else { throw CurlError(.failed, "libcurl could not be initialised") }
        let call = CurlCall(request)
        let outcome: Result<CurlResponse, CurlError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                CurlThreads.run { refusal in
                    if let refusal {
                        continuation.resume(returning: .failure(refusal))
                    } else {
                        continuation.resume(returning: call.run())
                    }
                }
            }
        } onCancel: {
            call.cancel()
        }
        return try outcome.get()
    }
}

enum CurlLibrary {
    /// Initialises libcurl once, before its first use: curl_global_init is not safe to race against itself everywhere.
    static let isReady = gatehouse_global_init() == CURLE_OK
}

/// Threads that live as long as there are calls to run.
enum CurlThreads {
    typealias Job = @Sendable (_ refusal: CurlError?) -> Void

    private struct State {
        var running = 0
        var waiting: [Job] = []
    }

    private static let state = Mutex(State())

    /// Runs the job on a thread, soon or after those that wait before it, or calls it at once with a refusal.
    static func run(_ job: @escaping Job) {
        enum Step {
            case start
            case wait
            case refuse
        }
        let step: Step = state.withLock { state in
            if state.running < CurlClient.maximumRunning {
                state.running += 1
                return .start
            }
            guard state.waiting.count < CurlClient.maximumWaiting else { return .refuse }
            state.waiting.append(job)
            return .wait
        }
        switch step {
        case .wait: break
        case .refuse: job(CurlError(.overloaded, "too many requests wait for a thread"))
        case .start:
            do throws(ThreadError) { try OwnedThread.detach(named: "curl") { work(beginningWith: job) } } catch {
                drain(after: job)
            }
        }
    }

    private static func work(beginningWith first: Job) {
        first(nil)
        while let next = finished() { next(nil) }
    }

    /// No thread could be started: queued jobs would wait for ever if no other thread runs.
    private static func drain(after job: Job) {
        let refusal = CurlError(.overloaded, "no thread could be started")
        job(refusal)
        while let next = finished() { next(refusal) }
    }

    /// The next job of a thread that has finished one, or nil and the thread ends.
    private static func finished() -> Job? {
        state.withLock { state in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.running -= 1
            return nil
        }
    }
}
