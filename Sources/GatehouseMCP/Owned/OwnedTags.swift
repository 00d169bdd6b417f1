internal import Crypto
package import GatehouseCore

/// A kind of value that an upstream hands to a caller and later accepts from anybody who presents it. The upstream sees one identity, the route's
/// token, so each such value is bound to its caller by a keyed tag.
package enum OwnedKind {
    /// `taskId` of 2025-11-25 and of the tasks extension.
    case task
    /// The id of an event, which comes back as `Last-Event-ID`.
    case event
    /// `requestState` of 2026-07-28: the rest of one call, and of none that is aimed at something else.
    case requestState(RPCMethod, target: UnsafeRawBufferPointer)
    /// The same of Gatehouse's own ``ConnectOffer``.
    case connectState(RPCMethod, target: UnsafeRawBufferPointer)
    /// The id of an elicitation: nobody presents it, and nobody can guess another's.
    case elicitation

    /// Bytes of a value that is tagged or taken back; a longer one is handed out without a tag, and so cannot come back.
    package var maximum: Int {
        switch self {
        case .task, .event, .connectState, .elicitation: 1024
        case .requestState: 64 << 10
        }
    }

    fileprivate var mark: UInt8 {
        switch self {
        case .task: 1
        case .event: 2
        case .requestState: 3
        case .connectState: 4
        case .elicitation: 5
        }
    }
}

/// Binds values to their callers as ``SessionTags`` binds sessions: nothing is stored, so they live on over a restart and are known
/// to every replica with the same keys.
///
///     value "." 22 characters of base64url: the first 16 bytes of HMAC-SHA256 over
///     FF FF FF FF, the kind in one byte, (length, route) (length, principal kind) (length, principal)
///     and of a requestState (length, method) (length, target), then the value
///
/// The text of a session's tag begins with the length of a route, which is never that long: no tag of one kind is one of another.
package final class OwnedTags: Sendable {
    /// Bytes of a tag with its dot.
    package static let length = KeyedTag.length

    private let current: SymmetricKey
    private let all: [SymmetricKey]

    init(current: SymmetricKey, all: [SymmetricKey]) {
        self.current = current
        self.all = all
    }

    /// The tag to put behind a value that the upstream hands out; nil for one that cannot be taken back.
    package func tag(
        _ kind: OwnedKind,
        _ value: UnsafeRawBufferPointer,
        route: RouteName,
        principal: Principal
    ) -> [UInt8]? {
        guard !value.isEmpty, value.count <= kind.maximum else { return nil }
        return Self.tag(kind, value, route, principal, current)
    }

    /// The age of the key by which a presented value has its caller's tag.
    package enum Acceptance {
        case current
        /// One that may end before the current one does.
        case older
    }

    /// Whether `tagged` is a value with the tag of this caller, by any of the keys; nil when it is not. The upstream's value is then all
    /// but the last ``length`` bytes.
    package func accepted(
        _ kind: OwnedKind,
        _ tagged: UnsafeRawBufferPointer,
        route: RouteName,
        principal: Principal
    ) -> Acceptance? {
        let count = tagged.count - Self.length
        guard count > 0, count <= kind.maximum, KeyedTag.ends(tagged) else { return nil }
        let value = UnsafeRawBufferPointer(rebasing: tagged[..<count])
        let presented = UnsafeRawBufferPointer(rebasing: tagged[count...])
        var found: Acceptance?
        for (place, key) in all.enumerated()
        where KeyedTag.equal(Self.tag(kind, value, route, principal, key), presented) && found == nil {
            found = place == 0 ? .current : .older
        }
        return found
    }

    private static func tag(
        _ kind: OwnedKind,
        _ value: UnsafeRawBufferPointer,
        _ route: RouteName,
        _ principal: Principal,
        _ key: SymmetricKey
    ) -> [UInt8] {
        var tag = KeyedTag(key)
        tag.add(UInt32.max)
        withUnsafeBytes(of: kind.mark) { tag.add(plain: $0) }
        tag.add(route, principal)
        switch kind {
        case .requestState(let method, let target), .connectState(let method, let target):
            let name = method.name
            tag.add(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
            tag.add(target)
        case .task, .event, .elicitation: break
        }
        return tag.tag(of: value)
    }
}
