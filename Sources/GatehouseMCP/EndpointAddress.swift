/// What the legacy transport's `endpoint` event tells the client: where to post, with the session in the query.
package enum EndpointAddress {
    /// Puts a tag behind the session of an address; an address without one stays.
    ///
    /// - Parameter tag: makes the tag for an id.
    package static func tagging(_ address: [UInt8], tag: (UnsafeRawBufferPointer) -> [UInt8]?) -> [UInt8] {
        guard let mark = address.firstIndex(of: 0x3F) else { return address }
        let end = address[mark...].firstIndex(of: 0x23) ?? address.endIndex
        return address.withUnsafeBytes { bytes in
            let query = UnsafeRawBufferPointer(rebasing: bytes[(mark + 1)..<end])
            guard case .one(let value) = SessionQuery.find(in: query),
                let tag = tag(UnsafeRawBufferPointer(rebasing: query[value]))
            else { return address }
            var tagged = address
            tagged.insert(contentsOf: tag, at: mark + 1 + value.upperBound)
            return tagged
        }
    }
}
