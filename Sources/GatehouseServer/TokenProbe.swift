internal import CurlClient
package import GatehouseConfig
package import GatehouseCore

/// Asks an upstream whether a token works, by the `probe` of a route that uses it: before it is promoted, and when it was rejected after.
package struct TokenProbe: Sendable {
    package struct Verdict: Sendable {
        package let route: RouteName
        package let answer: Answer
        /// Why the token does not work, or is not known to; nil when it does.
        package var problem: String? {
            switch answer {
            case .works: nil
            case .fails(let problem), .unclear(let problem): problem
            }
        }
    }

    package enum Answer: Hashable, Sendable {
        case works
        /// The upstream answered, and not as a good token is answered.
        case fails(String)
        /// No answer came, or one that says nothing about the token (5xx, 408, 425, 429).
        case unclear(String)
    }

    static let timeout: Duration = .seconds(15)

    private let routes: [(route: RouteName, probe: Route.Probe)]
    private let name: TokenName

    /// The probes of all routes that inject the token or probe with it.
    package init(of name: TokenName, in configuration: Configuration) {
        self.name = name
        routes = configuration.routes.routes.compactMap { route in
            guard let probe = route.probe else { return nil }
            let probed = probe.headers.flatMap(\.value.tokens)
            return route.tokens.contains(name) || probed.contains(name) ? (route.name, probe) : nil
        }
    }

    /// The probe of one route; nil when it has none.
    init?(of name: TokenName, on route: Route) {
        guard let probe = route.probe else { return nil }
        self.name = name
        routes = [(route.name, probe)]
    }

    package var isEmpty: Bool { routes.isEmpty }

    /// - Parameters:
    ///   - value: the token that is tried.
    ///   - others: the current values of the other tokens, for headers that name them.
    package func run(with value: TokenValue, others: [TokenName: TokenValue]) async -> [Verdict] {
        var verdicts: [Verdict] = []
        var tokens = others
        tokens[name] = value
        for (route, probe) in routes { verdicts.append(Verdict(route: route, answer: await Self.ask(probe, tokens))) }
        return verdicts
    }

    /// The answer of a single route's probe.
    func ask(with value: TokenValue, others: [TokenName: TokenValue]) async -> Answer {
        await run(with: value, others: others).first?.answer ?? .unclear("there is no probe")
    }

    private static func ask(_ probe: Route.Probe, _ tokens: [TokenName: TokenValue]) async -> Answer {
        var request = CurlRequest(probe.url)
        request.timeout = timeout
        for injection in probe.headers {
            if let missing = injection.value.tokens.first(where: { tokens[$0] == nil }) {
                return .unclear("its probe needs the token '\(missing)', which the store does not have")
            }
            let value = Self.render(injection.value, tokens)
            request.headers.append(
                CurlHeader(injection.name.text) { use in value.withUnsafeBytes { use($0) } }
            )
        }
        do throws(CurlError) {
            let response = try await CurlClient().perform(request)
            if response.status == probe.expect { return .works }
            let problem = "the probe answers \(response.status), not \(probe.expect)"
            return response.status >= 500 || [408, 425, 429].contains(response.status)
                ? .unclear(problem) : .fails(problem)
        } catch {
            return .unclear("the probe has no answer: \(error.message)")
        }
    }

    /// A probe has no caller: what names one is empty.
    private static func render(_ template: Injection.Template, _ tokens: [TokenName: TokenValue]) -> Secret {
        let parts = template.parts.map { part in
            switch part {
            case .literal(let text): Secret(text)
            case .token(let name): tokens[name]?.secret ?? Secret("")
            case .email, .subject, .principal, .assertion, .claim: Secret("")
            }
        }
        return Secret(count: parts.reduce(0) { $0 + $1.count }) { target in
            var end = 0
            for part in parts {
                part.withUnsafeBytes { target[end...].copyBytes(from: $0) }
                end += part.count
            }
        }
    }
}
