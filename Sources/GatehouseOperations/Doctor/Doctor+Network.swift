internal import CurlClient
internal import GatehouseConfig
internal import GatehouseCore
internal import GatehouseServer
internal import Glibc

/// Upstreams and listeners: what reaches them, and what should not.
extension Doctor {
    /// Asks the upstream. Any answer will do: the status of a bare GET is up to the server.
    func upstream(_ route: Route) async -> Finding {
        let place = route.upstream.isUnix ? "its unix socket" : route.upstream.authority
        var request = CurlRequest("\(route.upstream.isSecure ? "https" : "http")://\(route.upstream.authority)/")
        request.connectTimeout = min(CurlRequest.defaultConnectTimeout, max(route.timeouts.connect, .milliseconds(500)))
        if case .unix(let path) = route.upstream.endpoint { request.unixSocket = path }
        request.authoritiesFile = route.upstream.tls.authorities
        if case .tcp(let host, let port) = route.upstream.endpoint, let name = route.upstream.tls.serverName {
            request.url = "https://\(name.contains(":") ? "[\(name)]" : name):\(port)/"
            request.connectHost = host
        }
        do throws(CurlError) {
            let response = try await CurlClient().perform(request)
            return Finding(.upstream, .ok, route.name.text, "\(place) answers \(response.status)")
        } catch {
            switch error.code {
            // It answers, and goes on: an event stream.
            case .timeout where await connects(route.upstream), .tooLarge:
                return Finding(.upstream, .ok, route.name.text, "\(place) takes connections")
            case .tls:
                let advice =
                    "Gatehouse verifies certificates: for an authority of your own, upstream_tls: { ca: /PATH }, for another name server_name"
                return Finding(.upstream, .fail, route.name.text, "\(place): \(error.message)", advice: advice)
            case _:
                let advice = "is the container up, and on a network with Gatehouse?"
                return Finding(.upstream, .fail, route.name.text, "\(place): \(error.message)", advice: advice)
            }
        }
    }

    private func connects(_ upstream: Upstream) async -> Bool {
        guard case .tcp(let host, let port) = upstream.endpoint else { return true }
        return Socket.addresses(host, port).contains { Socket.connects($0) }
    }

    /// Whether others can reach the upstream without passing here. From within, only its address can be judged.
    func exposure(_ route: Route) -> Finding {
        guard case .tcp(let host, let port) = route.upstream.endpoint else {
            return Finding(.exposure, .ok, route.name.text, "a unix socket")
        }
        let addresses = Socket.addresses(host, port)
        guard !addresses.isEmpty else { return Finding(.exposure, .warn, route.name.text, "\(host) has no address") }
        if addresses.allSatisfy(\.isLoopback) { return Finding(.exposure, .ok, route.name.text, "this machine alone") }
        if addresses.allSatisfy({ $0.isLoopback || $0.isPrivate }) {
            guard !isContained else {
                return Finding(
                    .exposure,
                    .ok,
                    route.name.text,
                    "a private address; whoever shares its network reaches it"
                )
            }
            let advice = "have it listen on loopback or on a network that only Gatehouse shares"
            return Finding(
                .exposure,
                .warn,
                route.name.text,
                "other machines may reach \(host):\(port)",
                advice: advice
            )
        }
        guard route.upstream.isSecure else {
            let advice = "use https, or move it to a private network: tokens cross the internet in the clear"
            return Finding(.exposure, .fail, route.name.text, "\(host) is a public address without TLS", advice: advice)
        }
        return Finding(.exposure, .ok, route.name.text, "public, behind its own authentication")
    }

    func listeners() async -> [Finding] {
        let address = path == nil ? configuration.admin : nil
        let instance = try? InstanceCall.found(at: address, configuration: path ?? "") { configuration.admin }
        let admin = if let instance { try? await InstanceReadiness.ask(instance) } else { InstanceReadiness?.none }
        var findings: [Finding] = []
        if let admin {
            let missing = admin.checks.filter { !$0.isReady }.map { "\($0.name): \($0.detail)" }
            findings.append(
                missing.isEmpty
                    ? Finding(.admin, .ok, "an instance runs and is ready")
                    : Finding(.admin, .fail, "an instance runs and is not ready: \(missing.joined(separator: "; "))")
            )
            findings += admin.findings.compactMap(Self.told)
        } else {
            let address = instance.map { "\($0.address)" } ?? "\(configuration.admin)"
            findings.append(
                Finding(.admin, .warn, "no instance runs here: nobody answers on \(address)", advice: "gatehouse serve")
            )
        }
        if !configuration.unread.contains(.admin) {
            findings.append(open(.admin, configuration.admin, isRunning: admin != nil))
        }
        if !configuration.unread.contains(.listeners) {
            for address in [configuration.listen] + [configuration.forwardAuth].compactMap({ $0 }) {
                findings.append(open(.listener, address, isRunning: admin != nil))
            }
        }
        return findings
    }

    /// A finding that only the running instance can have: about its requests, a second writer to its audit, a file that it refused. Findings that the
    /// doctor makes itself are left out.
    private static func told(_ finding: Finding) -> Finding? {
        switch finding.probe {
        case .certs, .identity, .store, .token, .secrets, .telemetry: nil
        case _:
            Finding(
                finding.probe,
                finding.verdict,
                finding.subject,
                "the instance says: \(finding.detail)",
                advice: finding.advice
            )
        }
    }

    private func open(_ probe: Finding.Probe, _ address: Endpoint, isRunning: Bool) -> Finding {
        guard case .tcp(let host, let port) = address else { return socket(probe, address) }
        let isWide = !address.isLocal
        if isWide, probe == .admin {
            let advice = "listen on 127.0.0.1, or on a network that only operators reach: it asks nobody who they are"
            return Finding(probe, .warn, "\(address) is open to other machines", advice: advice)
        }
        if isWide, !isContained {
            let advice = "listen where only cloudflared reaches it; whoever else does still needs an assertion"
            return Finding(probe, .warn, "\(address) is open to other machines", advice: advice)
        }
        guard !isRunning, port > 0 else { return Finding(probe, .ok, "\(address)") }
        guard Socket.addresses(host, port).contains(where: { Socket.connects($0) }) else {
            return Finding(probe, .ok, "\(address) is free")
        }
        let advice = "another program listens there: stop it, or choose another port"
        return Finding(probe, .fail, "\(address) is taken", advice: advice)
    }

    private func socket(_ probe: Finding.Probe, _ address: Endpoint) -> Finding {
        guard case .unix(let path) = address else { return Finding(probe, .ok, "\(address)") }
        let folder = FileStatus.folder(of: path)
        guard FileStatus(folder)?.isWritable ?? false else {
            return Finding(probe, .fail, "\(folder) cannot be written", advice: "make it, owned by this user")
        }
        return Finding(probe, .ok, "\(address)")
    }
}

extension Upstream {
    fileprivate var isUnix: Bool { if case .unix = endpoint { true } else { false } }
}
