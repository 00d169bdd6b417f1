internal import AccessIdentity
internal import CurlClient
internal import GatehouseConfig
internal import GatehouseCore

/// The keys of Access, and the clock against theirs.
extension Doctor {
    func certs() async -> [Finding] {
        let url = configuration.access.certsURL.text
        var request = CurlRequest(url)
        request.maximumBody = SigningKeySource.maximumResponseBytes
        let response: CurlResponse
        do throws(CurlError) {
            response = try await CurlClient().perform(request)
        } catch {
            return [.certs(url, AccessAssembly.fetchFailure(error).description)]
        }
        guard response.status == 200 else {
            return [.certs(url, AccessAssembly.fetchFailure(AccessAssembly.answer(response.status)).description)]
        }
        return [keySet(response.body.bytes)] + clock(response.header("date"))
    }

    private func keySet(_ bytes: [UInt8]) -> Finding {
        do throws(AccessIdentityError) {
            let keys = try SigningKeys(jwkSet: bytes)
            guard !keys.keyIDs.isEmpty else {
                return Finding(
                    .certs,
                    .fail,
                    "the key set has no usable key",
                    advice: "what answers there is not Access"
                )
            }
            guard keys.skipped.isEmpty else {
                let reasons = keys.skipped.map(\.reason).joined(separator: "; ")
                return Finding(.certs, .warn, "\(keys.keyIDs.count) keys, \(keys.skipped.count) not usable: \(reasons)")
            }
            return Finding(.certs, .ok, "\(keys.keyIDs.count) keys")
        } catch {
            return Finding(.certs, .fail, error.description, advice: "what answers there is not Access")
        }
    }

    /// Against the certs server's `Date`, which has whole seconds and is on the way for a while.
    private func clock(_ field: String?) -> [Finding] {
        guard let field, let theirs = HTTPDate.parse(field) else {
            return [Finding(.clock, .warn, "the certs server gives no date to compare with")]
        }
        let difference = (SystemClock().now() - theirs).microseconds / 1_000_000
        let skew = configuration.access.clockSkew.microseconds / 1_000_000
        let detail = "\(abs(difference)) s \(difference < 0 ? "behind" : "ahead of") the certs server"
        let advice =
            "set the clock by NTP: assertions are refused as expired or not yet valid beyond clock_skew (\(skew) s)"
        if abs(difference) > max(skew, 2) { return [Finding(.clock, .fail, detail, advice: advice)] }
        if abs(difference) > max(skew / 2, 2) { return [Finding(.clock, .warn, detail, advice: advice)] }
        return [Finding(.clock, .ok, detail)]
    }
}

/// The date of HTTP fields: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
enum HTTPDate {
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    static func parse(_ text: String) -> Timestamp? {
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let month = months.firstIndex(of: String(words[2])) else {
            return nil
        }
        let number = month + 1 < 10 ? "0\(month + 1)" : "\(month + 1)"
        return Timestamp(parsing: "\(words[3])-\(number)-\(words[1])T\(words[4])Z")
    }
}
