/// The places of an ungated route's upstream that another route gates, and the spellings by which they could be reached ungated.
///
/// The gated route is found by the path as it is written. An upstream that reads paths without case, or leaves `;parameters` out, takes
/// `/MCP` and `/mcp;x` for `/mcp`: through the ungated route beside it these would be calls that no gate has seen.
package struct GatedPlaces: Sendable {
    private struct Place: Sendable {
        /// Below the upstream path of the ungated route; starts with `/`.
        let text: [UInt8]
        let segments: [[UInt8]]
    }

    private let places: [Place]

    /// - Parameter routes: all of them. None gates anything for a route that is gated itself.
    package init(beside route: Route, among routes: [Route]) {
        guard route.speech == .http else {
            places = []
            return
        }
        let own = Self.segments(route.upstream.path.utf8)
        places = routes.filter { $0.speech == .mcp && $0.upstream.endpoint == route.upstream.endpoint }
            .flatMap(\.gatedPaths)
            .compactMap { path in
                let segments = Self.segments(path.utf8)
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
        let segments = Self.segments(rest)
        return places.contains { segments.starts(with: $0.segments) && !Self.isWritten($0.text, rest) }
    }

    private static func isWritten(_ text: [UInt8], _ rest: UnsafeRawBufferPointer) -> Bool {
        rest.starts(with: text) && (rest.count == text.count || rest[text.count] == 0x2F)
    }

    /// A path as the most lenient of readers has it: decoded as often as it is encoded, without case, parameters, white space around a
    /// segment, dots behind it, and empty and dot segments. What any reader leaves out is left out here.
    private static func segments(_ path: some Collection<UInt8>) -> [[UInt8]] {
        var segments: [[UInt8]] = []
        for segment in decoded(path).split(separator: 0x2F) {
            let bare = segment.prefix { $0 != 0x3B }.drop { $0 <= 0x20 }
            let end = bare.lastIndex { $0 > 0x20 && $0 != 0x7F }.map { $0 + 1 } ?? bare.startIndex
            let name = bare[..<end]
            if name.elementsEqual([0x2E, 0x2E]) {
                _ = segments.popLast()
            } else if let last = name.lastIndex(where: { $0 != 0x2E && $0 > 0x20 }) {
                segments.append(Array(name[...last]))
            }
        }
        return segments
    }

    private static func decoded(_ path: some Collection<UInt8>) -> [UInt8] {
        let bytes = Array(path)
        var decoded: [UInt8] = []
        var at = 0
        while at < bytes.count {
            var byte = bytes[at]
            at += 1
            if byte == 0x25 {
                while bytes[at...].starts(with: [0x32, 0x35]) { at += 2 }
                if at + 1 < bytes.count, let high = bytes[at].hexValue, let low = bytes[at + 1].hexValue {
                    byte = high << 4 | low
                    at += 2
                }
            }
            decoded.append(byte == 0x5C ? 0x2F : byte.lowercasedASCII)
        }
        return decoded
    }
}

extension Route {
    /// Where its upstream is reached through the gate; empty text for everywhere.
    fileprivate var gatedPaths: [String] {
        guard let endpoints else { return [upstream.path] }
        return endpoints.paths.map { $0 == .root ? upstream.path : upstream.path + $0.text }
    }
}
