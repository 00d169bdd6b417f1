/// The places of an ungated route's upstream that another route gates, and the spellings by which they could be reached ungated.
///
/// The gated route is found by the path as it is written. An upstream that reads paths without case, or leaves `;parameters` out, takes
/// `/MCP` and `/mcp;x` for `/mcp`: through the ungated route beside it these would be calls that no gate has seen.
package struct GatedPlaces: Sendable {
    private struct Place: Sendable {
        /// Below the upstream path of the ungated route; starts with `/`.
        let text: [UInt8]
        let segments: [LenientSegment]
    }

    private let places: [Place]

    /// - Parameter routes: all of them. None gates anything for a route that is gated itself.
    package init(beside route: Route, among routes: [Route]) {
        guard route.speech == .http else {
            places = []
            return
        }
        let own = LenientSegment.segments(of: route.upstream.path.utf8)
        places = routes.filter { $0.speech == .mcp && $0.upstream.endpoint == route.upstream.endpoint }
            .flatMap(\.gatedPaths)
            .compactMap { path in
                let segments = LenientSegment.segments(of: path.utf8)
                // A route that leads into such a place, or to it, is the operator's word that it is served ungated.
                guard segments.count > own.count, segments.starts(with: own) else { return nil }
                let text = path.utf8.dropFirst(route.upstream.path.utf8.count)
                return Place(text: Array(text), segments: Array(segments.dropFirst(own.count)))
            }
    }

    package var isEmpty: Bool { places.isEmpty }

    /// The gated paths as they are written, below the route's own upstream path.
    package var paths: [String] { places.map { String(decoding: $0.text, as: UTF8.self) } }

    /// Whether some reader takes a path for a gated one although it is written in another way.
    ///
    /// - Parameter rest: what follows the route's prefix: empty, or starting with `/`.
    package func isTaken(_ rest: UnsafeRawBufferPointer) -> Bool {
        guard !places.isEmpty else { return false }
        if LenientSegment.isPlain(rest) {
            return places.contains { $0.segments.begin(plain: rest) && !Self.isWritten($0.text, rest) }
        }
        let segments = LenientSegment.segments(of: rest)
        return places.contains { place in
            segments.starts(with: place.segments) { $0.mayBe($1) } && !Self.isWritten(place.text, rest)
        }
    }

    private static func isWritten(_ text: [UInt8], _ rest: UnsafeRawBufferPointer) -> Bool {
        rest.starts(with: text) && (rest.count == text.count || rest[text.count] == 0x2F)
    }
}

extension Route {
    /// The upstream paths that are reached through the gate; the empty text stands for every path.
    fileprivate var gatedPaths: [String] {
        guard let endpoints else { return [upstream.path] }
        return endpoints.paths.map { $0 == .root ? upstream.path : upstream.path + $0.text }
    }
}
