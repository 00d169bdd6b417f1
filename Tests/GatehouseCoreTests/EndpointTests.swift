import Foundation
import GatehouseCore
import Testing

@Suite struct EndpointPathsTests {
    @Test(arguments: [
        ("/mcp", true), ("/mcp/", true), ("/mcp/messages", true), ("/a/b", true), ("/a/b/c", true), ("", false),
        ("/", false), ("/mcps", false), ("/MCP", false), ("/mcp;x", false), ("/mcp%20", false), ("/a", false),
        ("/x/mcp", false),
    ])
    func `endpoints are whole segments`(rest: String, isOne: Bool) throws {
        let endpoints = EndpointPaths([try PathPrefix(parsing: "/mcp"), try PathPrefix(parsing: "/a/b")])
        #expect(contains(endpoints, rest) == isOne)
    }

    @Test func `the root is the prefix alone`() {
        let endpoints = EndpointPaths([.root])
        #expect(contains(endpoints, "") && contains(endpoints, "/"))
        #expect(!contains(endpoints, "/items") && !contains(endpoints, "/;x"))
    }

    private func contains(_ endpoints: EndpointPaths, _ rest: String) -> Bool {
        Array(rest.utf8).withUnsafeBytes { endpoints.contains($0) }
    }
}

@Suite struct GatedPlacesTests {
    private func route(
        _ name: String,
        _ upstream: String,
        _ speech: Route.Speech,
        endpoints: [String]? = nil
    ) throws -> Route {
        Route(
            name: try RouteName(parsing: name),
            host: .any,
            path: try PathPrefix(parsing: "/\(name)"),
            audiences: ["aud"],
            upstream: try Upstream(parsing: upstream),
            speech: speech,
            endpoints: try endpoints.map { EndpointPaths(try $0.map { try PathPrefix(parsing: $0) }) }
        )
    }

    private func isTaken(_ rest: String, _ places: GatedPlaces) -> Bool {
        Array(rest.utf8).withUnsafeBytes { places.isTaken($0) }
    }

    @Test(arguments: [
        "/MCP", "/mcP/x", "/mcp;x", "/mcp;x/y", "/mcp%3bx", "/mcp%3B", "/mcp%20", "/mcp%09", "/%20mcp", "/mcp.",
        "/mcp%2e",
        "/%6dcp", "/%4dCP", "/mcp%00", "/mcp%253bx", "/%256dcp", "/%25256dcp", "/;x/mcp", "/x/..%20/mcp",
        "/x/%252e%252e/mcp", "/x%252f..%252fmcp", "/mcp%5cx", "/.;/mcp", "/%20/mcp", "//mcp",
        // White space of Unicode, and what is not seen.
        "/mcp%c2%a0", "/%e3%80%80mcp", "/mcp%e2%80%a8", "/mcp%c2%85", "/m%c2%adcp", "/mcp%ef%bb%bf",
        "/m%e2%80%8bc%e2%81%a0p",
        "/mcp%ef%b8%8f",
        // Spellings that NFKC or a best fit turns into it: full width, a letter in a circle, the Kelvin sign's like, a ligature, broken UTF-8.
        "/%ef%bd%8dcp", "/%ef%bc%ad%ef%bc%a3%ef%bc%b0", "/%e2%93%9ccp", "/m%e1%b6%9cp", "/mcp%cd%bex",
        "/%c1%adcp", "/mcp%ef%bc%9bx", "/mcp%ef%bc%8fx", "/x%ef%bc%8f..%ef%bc%8fmcp", "/mcp%ef%bc%8ejson",
        // Spellings that a reader that decodes first takes for a query, a fragment or the end.
        "/mcp%3fx", "/mcp%3Fx=1", "/mcp%23", "/mcp%2523x", "/mcp%3f/x", "/mcp%2500x", "/mcp%ef%bc%9fx",
        // The suffix of a format.
        "/mcp.json", "/mcp.JSON", "/mcp.json/x", "/mcp.tar.gz", "/mcp%2ejson",
    ])
    func `another spelling of a gated path is taken for it`(rest: String) throws {
        let gated = try route("gated", "http://a:1/mcp", .mcp)
        let open = try route("open", "http://a:1", .http)
        #expect(isTaken(rest, GatedPlaces(beside: open, among: [gated, open])))
    }

    @Test(arguments: [
        "", "/", "/x", "/mcps", "/mc", "/x/mcp", "/mcp", "/mcp/x", "/mcp-docs", "/m%20cp", "/mcp%", "/%m",
        "/mc.json", "/x.mcp", "/%c3%9cber", "/m%c3%bccp", "/%ef%ac%81le", "/%e2%93%9cx", "/x%3f/mcp", "/x%23mcp",
    ])
    func `other paths, and the path as it is written, are not`(rest: String) throws {
        let gated = try route("gated", "http://a:1/mcp", .mcp)
        let open = try route("open", "http://a:1", .http)
        #expect(!isTaken(rest, GatedPlaces(beside: open, among: [gated, open])))
    }

    /// Paths of letters, digits and slashes alone are compared as they lie. One with an encoded letter is read as a lenient reader reads it, and is never the
    /// path as it is written: each of the two ways is held to the other.
    @Test func `a plain path is judged as the same path encoded, but where it is the written one`() throws {
        let gated = try route("gated", "http://a:1/mcp", .mcp)
        let deeper = try route("deeper", "http://a:1/v2/mcp-x", .mcp)
        let open = try route("open", "http://a:1", .http)
        let places = GatedPlaces(beside: open, among: [gated, deeper, open])
        let words = ["", "mcp", "MCP", "mCp", "mc", "mcps", "v2", "V2", "mcp-x", "MCP-X", "mcp_x", "0"]
        var taken = 0
        for one in words {
            for other in words {
                for last in words + ["mcp/"] {
                    let path = "/\(one)/\(other)/\(last)"
                    guard let letter = path.firstIndex(where: \.isLetter), let value = path[letter].asciiValue else {
                        continue
                    }
                    let encoded = path.replacingCharacters(in: letter...letter, with: "%" + String(value, radix: 16))
                    let isWritten = ["/mcp", "/v2/mcp-x"].contains { path == $0 || path.hasPrefix($0 + "/") }
                    #expect(isTaken(path, places) == (isTaken(encoded, places) && !isWritten), "\(path)")
                    if isTaken(path, places) { taken += 1 }
                }
            }
        }
        #expect(taken > 100)
    }

    @Test func `places are those of the same upstream, below what the route reaches`() throws {
        let gated = try route("gated", "http://a:1/api", .mcp, endpoints: ["/mcp", "/v2/mcp"])
        let open = try route("open", "http://a:1/API", .http)
        let all = [gated, open, try route("whole", "http://b:1", .mcp)]
        let places = GatedPlaces(beside: open, among: all)
        #expect(places.paths == ["/mcp", "/v2/mcp"])
        #expect(isTaken("/Mcp", places) && isTaken("/v2/mcp;a", places) && !isTaken("/v3/mcp;a", places))
        #expect(GatedPlaces(beside: gated, among: all).isEmpty)
        for upstream in ["http://a:2", "http://a:1/api/mcp", "http://a:1/api/mcp/x", "http://a:1/other", "http://b:1"] {
            #expect(GatedPlaces(beside: try route("open", upstream, .http), among: all).isEmpty, "\(upstream)")
        }
    }
}
