internal import CCurl
internal import Glibc
internal import Synchronization

/// One call: run once on its thread, cancelled from any other.
final class CurlCall: Sendable {
    private struct Shared: @unchecked Sendable {  // The pointer is only used under the lock, and only to wake.
        var isCancelled = false
        var multi: UnsafeMutableRawPointer?
    }

    private let request: CurlRequest
    private let deadline: ContinuousClock.Instant
    private let shared = Mutex(Shared())

    init(_ request: CurlRequest) {
        self.request = request
        deadline = .now + request.timeout
    }

    func cancel() {
        shared.withLock { shared in
            shared.isCancelled = true
            if let multi = shared.multi { curl_multi_wakeup(multi) }
        }
    }

    func run() -> Result<CurlResponse, CurlError> {
        do throws(CurlError) {
            return .success(try exchange())
        } catch {
            return .failure(error)
        }
    }

    private func exchange() throws(CurlError) -> CurlResponse {
        let remaining = deadline - .now
        guard remaining > .zero else { throw CurlError(.timeout, "the timeout passed before the request was sent") }
        guard let easy = curl_easy_init() else { throw CurlError(.failed, "libcurl has no memory") }
        defer { curl_easy_cleanup(easy) }
        let headers = try CurlHeaderList(request)
        let received = CurlReceived(maximumBody: request.maximumBody, isEnough: request.isEnough)
        try request.apply(to: easy, headers: headers.list, received: received, timeout: remaining)
        let detail = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
        detail.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        defer { detail.deallocate() }
        gatehouse_setopt_pointer(easy, CURLOPT_ERRORBUFFER, detail)
        let result = try withExtendedLifetime((headers, received)) { () throws(CurlError) in try transfer(easy) }
        if received.hasRefusedAddress {
            throw CurlError(.refusedAddress, "the host has an address that must not be asked")
        }
        if received.isTooLarge { throw CurlError(.tooLarge, "the response is larger than allowed") }
        guard result == CURLE_OK || received.hasStopped else {
            throw CurlError(result: result, detail: String(cString: detail))
        }
        var status = 0
        gatehouse_getinfo_long(easy, CURLINFO_RESPONSE_CODE, &status)
        return received.response(status: status)
    }

    /// Drives the handle by libcurl's multi interface, because only that can be woken from another thread.
    private func transfer(_ easy: UnsafeMutableRawPointer) throws(CurlError) -> CURLcode {
        guard let multi = curl_multi_init() else { throw CurlError(.failed, "libcurl has no memory") }
        defer {
            shared.withLock { $0.multi = nil }
            curl_multi_remove_handle(multi, easy)
            curl_multi_cleanup(multi)
        }
        curl_multi_add_handle(multi, easy)
        let address = UInt(bitPattern: multi)
        shared.withLock { $0.multi = UnsafeMutableRawPointer(bitPattern: address) }
        var running: Int32 = 1
        while true {
            guard !shared.withLock(\.isCancelled) else { throw CurlError(.cancelled, "the request was cancelled") }
            guard curl_multi_perform(multi, &running) == CURLM_OK else {
                throw CurlError(.failed, "libcurl could not proceed")
            }
            if running == 0 { break }
            guard curl_multi_poll(multi, nil, 0, 1000, nil) == CURLM_OK else {
                throw CurlError(.failed, "libcurl could not wait")
            }
        }
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            if message.pointee.msg == CURLMSG_DONE { return gatehouse_message_result(message) }
        }
        throw CurlError(.failed, "libcurl lost the result")
    }
}
