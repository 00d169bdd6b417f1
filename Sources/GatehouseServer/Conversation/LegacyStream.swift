internal import CurlClient
internal import Synchronization

/// The event stream of the legacy transport, HTTP+SSE (MCP 2024-11-05): its first event names where messages are posted, and every answer comes
/// on it. Lives from ``open(_:timeout:)`` to ``close()``.
final class LegacyStream: Sendable {
    private enum Signal: Sendable {
        case more
        case timeUp(Int)
    }

    /// The timeout of the whole conversation; each answer has the timeout of its message.
    private static let lifetime: Duration = .seconds(3600)

    private let received = Mutex<[UInt8]>([])
    private let failure = Mutex<CurlError?>(nil)
    private let waits = Mutex(0)
    private let signals: AsyncStream<Signal>
    private let teller: AsyncStream<Signal>.Continuation
    private let task = Mutex<Task<Void, Never>?>(nil)

    private init() { (signals, teller) = AsyncStream.makeStream() }

    /// - Returns: the stream and the URL that messages are posted to.
    static func open(
        _ request: CurlRequest,
        timeout: Duration
    ) async throws(CallFailure) -> (stream: LegacyStream, endpoint: String) {
        let stream = LegacyStream()
        stream.read(request)
        do throws(CallFailure) {
            let text = try await stream.wait(timeout) { bytes in
                MCPAnswer.events(bytes).first.map { String(decoding: $0, as: UTF8.self) }
            }
            guard let endpoint = resolve(text, from: request.url) else {
                throw CallFailure(
                    "the stream's first event leads to another origin than the stream's own, where the token must not go",
                    advice: "the server's public address is set to another host than the one that is asked here"
                )
            }
            return (stream, endpoint)
        } catch {
            stream.close()
            throw error
        }
    }

    func answer(to id: Int, within timeout: Duration) async throws(CallFailure) -> MCPAnswer {
        try await wait(timeout) { MCPAnswer.find(id, in: $0) }
    }

    func close() { task.withLock { $0?.cancel() } }

    private func read(_ request: CurlRequest) {
        var request = request
        request.timeout = Self.lifetime
        request.isEnough = { [self] body in
            received.withLock { $0 = Array(body) }
            teller.yield(.more)
            return false
        }
        let reading = request
        let running = Task { [self] in
            do throws(CurlError) {
                let response = try await CurlClient().perform(reading)
                // An answer that is no stream has an end, and may never have called for more.
                received.withLock { $0 = response.status == 200 ? response.body.bytes : [] }
            } catch {
                failure.withLock { $0 = error }
            }
            teller.finish()
        }
        task.withLock { $0 = running }
    }

    /// Waits until the bytes received so far contain a match.
    private func wait<Found>(_ timeout: Duration, _ find: ([UInt8]) -> Found?) async throws(CallFailure) -> Found {
        let number = waits.withLock { waits in
            waits += 1
            return waits
        }
        let timer = Task { [teller] in
            if (try? await Task.sleep(for: timeout)) != nil { teller.yield(.timeUp(number)) }
        }
        defer { timer.cancel() }
        if let found = find(received.withLock { $0 }) { return found }
        for await signal in signals {
            if let found = find(received.withLock { $0 }) { return found }
            if case .timeUp(number) = signal { throw CallFailure("the stream brings no answer in time") }
        }
        if let found = find(received.withLock { $0 }) { return found }
        throw failure.withLock { $0 }.map { CallFailure($0) } ?? CallFailure("the stream ended without the answer")
    }

    /// The address in an `endpoint` event, which may be relative. Nil for another origin: the token is for the one that the route names.
    static func resolve(_ text: String, from url: String) -> String? {
        let parts = url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count >= 3, !text.isEmpty, !text.hasPrefix("//") else { return nil }
        let origin = parts.prefix(3).joined(separator: "/")
        if text.hasPrefix("/") { return origin + text }
        guard !text.contains("://") else { return text.hasPrefix(origin + "/") ? text : nil }
        let path = "/" + (parts.count > 3 ? parts[3].prefix { $0 != "?" } : "")
        if text.hasPrefix("?") { return origin + path + text }
        return origin + path.prefix(through: path.lastIndex(of: "/") ?? path.startIndex) + text
    }
}
