internal import Crypto
package import GatehouseCore

/// Binds session ids to their owners: the client gets the upstream's id with a keyed tag over route and principal behind it.
/// Nothing is stored, so a session survives a restart and is known to every replica with the same keys.
///
///     upstream's id "." 22 characters of base64url: the first 16 bytes of HMAC-SHA256 over
///     (length, route) (length, principal kind) (length, principal) id      each length 4 bytes, little endian
///
/// The session of a client that opens addresses for its user (`elicitation.url`, said when the session began) has another tag, over the same behind
/// FE FF FF FF.
///
/// The tag is safe in a header field and in a query.
package final class SessionTags: Sendable {
    /// Bytes of a tag with its dot.
    package static let length = KeyedTag.length
    /// Bytes of an id that is tagged or checked; a longer one is unknown. Some servers put their whole state into it, sealed or signed.
    package static let maximumID = 4096

    private let current: SymmetricKey
    private let all: [SymmetricKey]
    /// Binds what else an upstream hands to one caller.
    package let owned: OwnedTags

    package init(_ keys: PurposeKeys) {
        all = keys.all.map { key in key.withUnsafeBytes { SymmetricKey(data: $0) } }
        current = all[0]
        owned = OwnedTags(current: all[0], all: all)
    }

    /// The dot and the tag to put behind an upstream's id; nil for an id that cannot be a client's again.
    package func tag(
        for id: UnsafeRawBufferPointer,
        route: RouteName,
        principal: Principal,
        opensAddresses: Bool = false
    ) -> [UInt8]? {
        guard !id.isEmpty, id.count <= Self.maximumID else { return nil }
        return Self.tag(id, route, principal, current, opensAddresses)
    }

    /// Whether `tagged` is an id with the tag of this route and principal, by any of the keys. The upstream's id is then all but
    /// the last ``length`` bytes.
    package func accepts(_ tagged: UnsafeRawBufferPointer, route: RouteName, principal: Principal) -> Bool {
        accepted(tagged, route: route, principal: principal, opensAddresses: false)
    }

    /// The same for the session of a client that opens addresses for its user.
    package func acceptsOpening(_ tagged: UnsafeRawBufferPointer, route: RouteName, principal: Principal) -> Bool {
        accepted(tagged, route: route, principal: principal, opensAddresses: true)
    }

    private func accepted(
        _ tagged: UnsafeRawBufferPointer,
        route: RouteName,
        principal: Principal,
        opensAddresses: Bool
    ) -> Bool {
        let count = tagged.count - Self.length
        guard count > 0, count <= Self.maximumID else { return false }
        let id = UnsafeRawBufferPointer(rebasing: tagged[..<count])
        let presented = UnsafeRawBufferPointer(rebasing: tagged[count...])
        var isGood = false
        for key in all where KeyedTag.equal(Self.tag(id, route, principal, key, opensAddresses), presented) {
            isGood = true
        }
        return isGood
    }

    /// Whether these hold every key of others, so that all that was opened under those still opens.
    package func keepAll(of older: SessionTags) -> Bool { older.all.allSatisfy { all.contains($0) } }

    /// Whether what others make is taken by these.
    package func keepCurrent(of older: SessionTags) -> Bool { all.contains(older.current) }

    private static func tag(
        _ id: UnsafeRawBufferPointer,
        _ route: RouteName,
        _ principal: Principal,
        _ key: SymmetricKey,
        _ opensAddresses: Bool
    ) -> [UInt8] {
        var tag = KeyedTag(key)
        // No length of a route, and not what begins the tag of another kind of value.
        if opensAddresses { tag.add(UInt32.max - 1) }
        tag.add(route, principal)
        return tag.tag(of: id)
    }

    /// The session's hash in an audit row: the first 16 bytes of its tagged id's SHA-256, in hexadecimal.
    package static func hash(of tagged: UnsafeRawBufferPointer) -> [UInt8] {
        var hash = SHA256()
        hash.update(bufferPointer: tagged)
        let digits = Array("0123456789abcdef".utf8)
        return hash.finalize().withUnsafeBytes { digest in
            digest.prefix(16).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        }
    }
}
