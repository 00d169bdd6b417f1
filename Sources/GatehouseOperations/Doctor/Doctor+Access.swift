internal import AccessIdentity
internal import CurlClient
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer

/// The keys of Access, and the clock against theirs.
extension Doctor {
    func certs() async -> [Finding] {
        let url = configuration.access.certsURL.text
        var request = CurlRequest(url)
        request.maximumBody = SigningKeySource.maximumResponseBytes
        let response: CurlResponse
        let asked = ContinuousClock.now
        do throws(CurlError) {
            response = try await CurlClient().perform(request)
        } catch {
            return [.certs(url, AccessAssembly.fetchFailure(error).description)]
        }
        guard response.status == 200 else {
            return [.certs(url, AccessAssembly.fetchFailure(AccessAssembly.answer(response.status)).description)]
        }
        return [keySet(response.body.bytes), clock(response, asked: asked)]
    }

    /// Asks the identity endpoint without an assertion: whether something answers that asks for one.
    func identity() async -> [Finding] {
        guard let settings = configuration.access.identity, !configuration.wantedAttributes.isNothing else { return [] }
        let url = settings.url.text
        let status: Int
        do throws(CurlError) { status = try await IdentityEndpoint.ask(settings.url) } catch {
            return [.identity(url, "the identity endpoint cannot be asked: \(error)")]
        }
        switch status {
        case 400..<500: return [Finding(.identity, .ok, "\(url) answers, and asks for an assertion")]
        case 200:
            let words = "it answers 200 to a request without an assertion: what answers there is not Access"
            return [.identity(url, words, .warn)]
        case _: return [.identity(url, "the identity endpoint answers \(status)")]
        }
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

    private func clock(_ response: CurlResponse, asked: ContinuousClock.Instant) -> Finding {
        guard let reading = ClockReading(response, asked: asked) else {
            return Finding(.clock, .warn, OtherClock.certs.rawValue, "the certs server gives no date to compare with")
        }
        return clock(.certs, reading)
    }

    func clock(_ other: OtherClock, _ reading: ClockReading) -> Finding {
        .clock(other, lead: reading.lead(of: SystemClock().now()), tolerance: configuration.access.clockSkew)
    }
}
