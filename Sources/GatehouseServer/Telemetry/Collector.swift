package import CurlClient
package import GatehouseCore

/// A collector that takes OTLP over HTTP.
package struct Collector: Sendable {
    package enum Signal: String, Sendable, CaseIterable {
        case traces
        case metrics
    }

    /// Bytes of an answer that are read; the rest is left.
    private static let answerLength = 16 << 10

    private let base: String

    package init(_ url: WebURL) { base = url.text.hasSuffix("/") ? String(url.text.dropLast()) : url.text }

    package func url(_ signal: Signal) -> String { "\(base)/v1/\(signal.rawValue)" }

    /// Asks whether it takes an empty message.
    ///
    /// - Returns: the status.
    package func probe(_ signal: Signal) async throws(CurlError) -> Int {
        try await CurlClient().perform(request(signal, Array("{}".utf8), within: CurlRequest.defaultTimeout)).status
    }

    func take(_ signal: Signal, _ message: [UInt8], within time: Duration) async -> ExportAnswer {
        do throws(CurlError) {
            let response = try await CurlClient().perform(request(signal, message, within: time))
            return ExportAnswer(response, at: SystemClock().now())
        } catch { return ExportAnswer(error) }
    }

    private func request(_ signal: Signal, _ message: [UInt8], within time: Duration) -> CurlRequest {
        var request = CurlRequest(
            url(signal),
            method: "POST",
            headers: [CurlHeader("Content-Type", "application/json")],
            body: CurlBody(message)
        )
        request.timeout = time
        request.connectTimeout = min(time, CurlRequest.defaultConnectTimeout)
        request.isEnough = { $0.count >= Self.answerLength }
        return request
    }
}
