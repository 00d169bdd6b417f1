/// The address in the legacy transport's `endpoint` event: the path to post to, with the session in the query or at the end of the path.
package struct EndpointAddress {
    package private(set) var text: [UInt8]
    /// The session as the client has it; nil when the address names none.
    package private(set) var session: ArraySlice<UInt8>?
    /// The path before the session, when that is its last segment.
    package private(set) var directory: ArraySlice<UInt8>?
    private let path: ArraySlice<UInt8>
    /// The path for posts without the session.
    package var place: ArraySlice<UInt8> { directory ?? path }

    /// Puts a tag behind the session of an address; an address without one stays.
    ///
    /// - Parameter tag: makes the tag for an id.
    package init(_ address: [UInt8], tag: (UnsafeRawBufferPointer) -> [UInt8]?) {
        text = address
        let end = address.firstIndex(of: 0x23) ?? address.endIndex
        let mark = address[..<end].firstIndex(of: 0x3F) ?? end
        path = address[Self.pathStart(of: address)..<mark]
        let inQuery = mark < end ? Self.query(of: address, mark + 1..<end) : .none
        let place: Range<Int>
        switch inQuery {
        case .one(let value): place = value
        case .ambiguous: return
        case .none:
            guard let segment = Self.pathSession(of: address, Self.pathStart(of: address)..<mark) else { return }
            place = segment
            directory = address[Self.pathStart(of: address)..<segment.lowerBound]
        }
        guard let tag = address.withUnsafeBytes({ tag(UnsafeRawBufferPointer(rebasing: $0[place])) }) else {
            directory = nil
            return
        }
        text.insert(contentsOf: tag, at: place.upperBound)
        session = text[place.lowerBound..<place.upperBound + tag.count]
    }

    private static func query(of address: [UInt8], _ range: Range<Int>) -> SessionQuery.Found {
        let found = address.withUnsafeBytes { SessionQuery.find(in: UnsafeRawBufferPointer(rebasing: $0[range])) }
        guard case .one(let value) = found else { return found }
        return .one(range.lowerBound + value.lowerBound..<range.lowerBound + value.upperBound)
    }

    private static func pathSession(of address: [UInt8], _ path: Range<Int>) -> Range<Int>? {
        address.withUnsafeBytes { bytes in
            let segment = PathSession.lastSegment(of: UnsafeRawBufferPointer(rebasing: bytes[path]))
            let place = path.lowerBound + segment.lowerBound..<path.lowerBound + segment.upperBound
            return PathSession.isID(UnsafeRawBufferPointer(rebasing: bytes[place])) ? place : nil
        }
    }

    /// The start of the path, behind the scheme and authority when the address has them.
    private static func pathStart(of address: [UInt8]) -> Int {
        guard let colon = address.firstIndex(of: 0x3A), address[colon...].starts(with: "://".utf8),
            !address[..<colon].contains(0x2F)
        else { return 0 }
        return address[(colon + 3)...].firstIndex { $0 == 0x2F || $0 == 0x3F || $0 == 0x23 } ?? address.count
    }
}
