package import GatehouseCore

/// The tags in a body, found to be the caller's: what the upstream gets has them left out.
package struct TagCuts: Sendable {
    /// The positions of the tags in the body, in ascending order.
    package private(set) var places: [Range<Int>] = []
    /// Whether a tag was made by a key other than the current one.
    package private(set) var isUnderOlderKey = false
    /// Whether the call answers Gatehouse's own request to connect an account.
    package private(set) var answersConnectOffer = false

    package init() {}

    package var isEmpty: Bool { places.isEmpty }
    /// Bytes that are left out.
    package var length: Int { places.reduce(0) { $0 + $1.count } }

    /// Takes up what a message presents.
    ///
    /// - Returns: why it may not be presented, nil when it may.
    package mutating func add(
        _ message: RPCMessage,
        in body: UnsafeRawBufferPointer,
        _ tags: OwnedTags,
        route: RouteName,
        principal: Principal
    ) -> Reason? {
        if message.known == .tasksList { return .tasksListDenied }
        for value in message.owned {
            if value.kind == .requestState, let text = value.text?.string(in: body),
                let acceptance = acceptedOffer(text, message, body, tags, route, principal),
                let members = ConnectCuts.places(in: body)
            {
                if case .older = acceptance { isUnderOlderKey = true }
                answersConnectOffer = true
                places = (places + members).sorted { $0.lowerBound < $1.lowerBound }
                continue
            }
            guard let text = value.text?.string(in: body),
                let acceptance = accepted(value.kind, text, message, body, tags, route, principal)
            else {
                // A client that keeps tasks of its own for the server names them so, and they bear no tag.
                if value.kind == .answeredTask, value.text.map({ !KeyedTag.ends($0.string(in: body).raw) }) ?? true {
                    continue
                }
                return value.kind == .requestState ? .requestStateUnknown : .taskUnknown
            }
            if case .older = acceptance { isUnderOlderKey = true }
            places.append(text.range.upperBound - OwnedTags.length..<text.range.upperBound)
        }
        return nil
    }

    private func accepted(
        _ kind: OwnedValue.Kind,
        _ text: JSONString,
        _ message: RPCMessage,
        _ body: UnsafeRawBufferPointer,
        _ tags: OwnedTags,
        _ route: RouteName,
        _ principal: Principal
    ) -> OwnedTags.Acceptance? {
        // A tag is accepted only without escapes, otherwise its end could not be separated from the value's: no escape holds a dot.
        guard KeyedTag.ends(text.raw) else { return nil }
        return text.withResolvedBytes { value in
            guard kind == .requestState else {
                return tags.accepted(.task, value, route: route, principal: principal)
            }
            guard let target = message.target?.string(in: body) else { return nil }
            return target.withResolvedBytes {
                tags.accepted(.requestState(message.known, target: $0), value, route: route, principal: principal)
            }
        }
    }

    /// Whether a request state is the one of Gatehouse's own ``ConnectOffer`` to this call.
    private func acceptedOffer(
        _ text: JSONString,
        _ message: RPCMessage,
        _ body: UnsafeRawBufferPointer,
        _ tags: OwnedTags,
        _ route: RouteName,
        _ principal: Principal
    ) -> OwnedTags.Acceptance? {
        guard text.range.count == ConnectOffer.state.utf8.count + OwnedTags.length,
            let target = message.target?.string(in: body)
        else { return nil }
        return target.withResolvedBytes {
            tags.accepted(.connectState(message.known, target: $0), text.raw, route: route, principal: principal)
        }
    }

    /// Visits the ranges that remain of a part of the payload.
    ///
    /// - Parameter part: of the payload.
    package func remaining(of part: Range<Int>, _ take: (Range<Int>) -> Void) {
        var start = part.lowerBound
        for place in places {
            let cut = place.clamped(to: part)
            if start < cut.lowerBound { take(start..<cut.lowerBound) }
            start = cut.upperBound
        }
        if start < part.upperBound { take(start..<part.upperBound) }
    }
}
