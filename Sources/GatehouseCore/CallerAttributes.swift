/// The groups and other claims that an assertion has of its caller, as far as the configuration asks for them.
package struct CallerAttributes: Hashable, Sendable {
    /// The groups, in the order in which they are listed; empty for a caller of whom none are known.
    package let groups: [String]
    /// The texts of each claim that is there. A claim that is no text and no list with a text in it is not there.
    package let claims: [MemberPath: [String]]

    package init(groups: [String] = [], claims: [MemberPath: [String]] = [:]) {
        self.groups = groups
        self.claims = claims
    }

    package static let none = CallerAttributes()
}

extension CallerAttributes {
    /// The places of a payload that the configuration asks for.
    package struct Wanted: Hashable, Sendable {
        /// The place of the groups; nil for none.
        package let groups: MemberPath?
        package let claims: Set<MemberPath>

        package init(groups: MemberPath? = nil, claims: Set<MemberPath> = []) {
            self.groups = groups
            self.claims = claims
        }

        package static let nothing = Wanted()
        package var isNothing: Bool { groups == nil && claims.isEmpty }
    }

    /// Reads a payload that was scanned strictly before: no member stands in it twice. Its length bounds the texts: none is left out, for a deny list
    /// may name it.
    package init(_ payload: UnsafeRawBufferPointer, _ wanted: Wanted) {
        groups = wanted.groups.flatMap { Self.texts(at: $0, in: payload, ofGroups: true) } ?? []
        var claims: [MemberPath: [String]] = [:]
        for path in wanted.claims {
            guard let texts = Self.texts(at: path, in: payload, ofGroups: false), !texts.isEmpty else { continue }
            claims[path] = texts
        }
        self.claims = claims
    }

    /// The text that stands at a place, or those of the list there; none for anything else, and nil where nothing stands.
    package static func texts(
        at path: MemberPath,
        in payload: UnsafeRawBufferPointer,
        ofGroups: Bool
    ) -> [String]? {
        do throws(JSONFault) {
            var scanner = try JSONScanner(payload)
            for name in path.names {
                guard scanner.next == .object else { return nil }
                try scanner.beginObject()
                var isThere = false
                while !isThere, let member = try scanner.nextMember() {
                    isThere = member.equals(name)
                    if !isThere { try scanner.skip() }
                }
                guard isThere else { return nil }
            }
            guard scanner.next == .array else { return try text(&scanner, ofGroups: ofGroups).map { [$0] } ?? [] }
            var texts: [String] = []
            try scanner.beginArray()
            while try scanner.nextElement() {
                guard let text = try text(&scanner, ofGroups: ofGroups) else { continue }
                texts.append(text)
            }
            return texts
        } catch { return nil }
    }

    /// Whether a caller with these has everything that one with others has. Grants only widen with what is there, so nobody who keeps all of it is let
    /// in no more; a deny list is asked apart.
    package func hasAll(of other: CallerAttributes) -> Bool {
        guard self != other else { return true }
        return Set(groups).isSuperset(of: other.groups)
            && other.claims.allSatisfy { path, texts in Set(claims[path] ?? []).isSuperset(of: texts) }
    }

    /// A text without control characters. A group may also be an object with a `name` or an `email`, as some identity providers give them.
    private static func text(_ scanner: inout JSONScanner, ofGroups: Bool) throws(JSONFault) -> String? {
        if scanner.next == .string {
            let text = try scanner.string()
            return text.isEmpty || text.hasControlCharacters ? nil : text.text
        }
        guard ofGroups, scanner.next == .object else {
            try scanner.skip()
            return nil
        }
        var (name, email): (String?, String?) = (nil, nil)
        try scanner.beginObject()
        while let member = try scanner.nextMember() {
            if member == "name" {
                name = try text(&scanner, ofGroups: false)
            } else if member == "email" {
                email = try text(&scanner, ofGroups: false)
            } else {
                try scanner.skip()
            }
        }
        return name ?? email
    }
}
