internal import GatehouseCore
internal import YAMLReader

/// The keys of a route's `strip`.
enum StripFields {
    static let headers = Field(
        "headers",
        Shape<[HeaderPattern]>.list(
            of: .parsed(wanted: "a header name", show: { .value($0.folded + ($0.isPrefix ? "*" : "")) }) {
                text throws(InvalidValue) in
                if let name = try? HeaderName(parsing: text),
                    ["host", "content-length", "transfer-encoding"].contains(name.folded)
                {
                    throw InvalidValue("the header \(name) frames the request and cannot be stripped")
                }
                return try HeaderPattern(parsing: text)
            },
            wanted: "a list of header names"
        ),
        .fallback([]),
        "Header names, or prefixes that end with `*`."
    )
    static let query = Field(
        "query",
        Shape<[String]>.list(of: .text(wanted: "a parameter's name"), wanted: "a list of query parameters"),
        .fallback([]),
        "Names of query parameters."
    )

    static let all = [headers.form, query.form]

    static let shape = Shape<Route.Strip>.mapping(
        all,
        wanted: "strip",
        show: { strip in
            .mapping([(headers.key, headers.shape.show(strip.headers)), (query.key, query.shape.show(strip.query))])
        },
        read: { keys, _ in
            let headers = keys.read(headers)
            let query = keys.read(query)
            guard let headers, let query else { return nil }
            return Route.Strip(headers: headers, query: query)
        }
    )
}

/// The keys of a route's `limits`.
enum RouteLimitFields {
    static let bodyRange = (1 << 10)...(1 << 30)

    static let body = Field(
        "body",
        .size(bodyRange),
        .fallback(RouteLimits.defaultBody),
        "Bytes of a request body; beyond it 413."
    )
    static let rate = Field("rate", .rate, "Requests of one principal in a time; beyond it 429. None by default.")

    static let rateScope = Field(
        "rate_scope",
        Shape<RouteLimits.Rate.Scope>.choice(),
        "The requests that `rate` counts: `instance`, each instance by itself (the default), or `fleet`, all instances together; needs a `state` of kind `postgres`."
    )

    static let all = [body.form, rate.form, rateScope.form]

    static let shape = Shape<RouteLimits>.mapping(
        all,
        wanted: "limits",
        show: { .mapping([(body.key, body.shape.show($0.body))]) },
        read: { keys, decoding in
            let rate = keys.read(rate)
            let scope = keys.read(rateScope)
            if scope != nil, !keys.has(RouteLimitFields.rate.key) {
                decoding.error(
                    "rate_scope says how a rate is counted, and there is none",
                    at: keys.place(ofKey: rateScope.key),
                    hint: "rate: 600/min"
                )
            }
            return keys.read(body).map { body in
                RouteLimits(
                    body: body,
                    rate: rate.map { RouteLimits.Rate(count: $0.count, per: $0.per, scope: scope ?? .instance) }
                )
            }
        }
    )
}

/// The keys of a route's `timeouts`.
enum RouteTimeoutFields {
    static let range: ClosedRange<Duration> = .zero...(.seconds(7 * 86_400))

    static let connect = Field(
        "connect",
        .duration(range),
        .fallback(RouteTimeouts.defaultConnect),
        "Until the upstream connection stands; beyond it 502."
    )
    static let response = Field(
        "response",
        .duration(range),
        .fallback(RouteTimeouts.defaultResponse),
        "From the end of the request to the head of the response; beyond it 504."
    )
    static let idle = Field(
        "idle",
        .duration(range),
        .fallback(RouteTimeouts.defaultIdle),
        "Silence on a response body or a tunnel; streams are silent for hours."
    )

    static let all = [connect.form, response.form, idle.form]

    static let shape = Shape<RouteTimeouts>.mapping(
        all,
        wanted: "timeouts",
        show: { timeouts in
            .mapping([
                (connect.key, connect.shape.show(timeouts.connect)),
                (response.key, response.shape.show(timeouts.response)),
                (idle.key, idle.shape.show(timeouts.idle)),
            ])
        },
        read: { keys, _ in
            let connect = keys.read(connect)
            let response = keys.read(response)
            let idle = keys.read(idle)
            guard let connect, let response, let idle else { return nil }
            return RouteTimeouts(connect: connect, response: response, idle: idle)
        }
    )
}

/// A probe before its route's name is known.
struct ProbeDraft: Sendable {
    let url: WebURL
    let headers: [InjectionDraft]
    let expect: Int
}

/// The keys of a route's `probe`.
enum ProbeFields {
    static let defaultExpect = 200

    static let url = Field(
        "url",
        Shape<WebURL>.parsed(wanted: "a URL", isSensitive: true, WebURL.init(parsing:)),
        .required,
        "What is asked."
    )
    static let headers = Field(
        "headers",
        InjectionFields.shape,
        .fallback([]),
        "Headers, with the placeholders of `inject`."
    )
    static let expect = Field("expect", .integer(100...599), .fallback(defaultExpect), "The status of a good answer.")

    static let all = [url.form, headers.form, expect.form]

    static let shape = Shape<ProbeDraft>.mapping(all, wanted: "a probe") { keys, _ in
        let url = keys.read(url)
        let headers = keys.read(headers)
        let expect = keys.read(expect)
        guard let url, let headers, let expect else { return nil }
        return ProbeDraft(url: url, headers: headers, expect: expect)
    }
}
