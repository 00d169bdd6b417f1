package import GatehouseCore

/// The answer of an identity endpoint about one person, as far as the configuration asks for it.
package struct IdentityAnswer: Hashable, Sendable {
    /// The largest answer, in bytes; a larger one counts as a failed fetch.
    package static let maximumBytes = 512 << 10
    /// Members of the answer or of an object in it, at most.
    static let maximumMembers = 1024
    /// Objects and arrays inside each other, at most.
    static let maximumDepth = 32

    /// The objects in which an answer has what an assertion has in `custom`: claims of OIDC, attributes of SAML.
    private static let placesOfCustom = ["oidc_fields", "saml_attributes"]

    /// Nil where the answer has no place of groups.
    let groups: [String]?
    /// The claims that are there; without texts for one that is no text.
    let claims: [MemberPath: [String]]

    /// Reads the body of an answer.
    ///
    /// - Throws: ``IdentityFailure/otherPerson`` unless it names the address of the assertion, and its `sub` if it names one.
    package init(
        _ body: UnsafeRawBufferPointer,
        of person: SignIn.Person,
        _ wanted: CallerAttributes.Wanted
    ) throws(IdentityFailure) {
        guard body.count <= Self.maximumBytes else {
            throw .unavailable("the identity endpoint's answer is larger than \(Self.maximumBytes) bytes")
        }
        let named: (email: String?, subject: String?)
        do throws(JSONFault) { named = try Self.named(body) } catch {
            throw .unavailable("the identity endpoint's answer is no strict JSON object: \(error.code.rawValue)")
        }
        guard let email = named.email, EmailForm.form(of: email) == person.email else { throw .otherPerson }
        if let subject = named.subject, subject != person.subject { throw .otherPerson }
        groups = wanted.groups.flatMap { path in
            Self.texts(at: path, body, ofGroups: true)
                ?? CallerAttributes.texts(at: .root.appending("groups"), in: body, ofGroups: true)
        }
        var claims: [MemberPath: [String]] = [:]
        for path in wanted.claims { claims[path] = Self.texts(at: path, body, ofGroups: false) }
        self.claims = claims
    }

    /// The address and the `sub` of the answer, read as an assertion's are: a `sub` that is no text is that of nobody.
    private static func named(_ body: UnsafeRawBufferPointer) throws(JSONFault) -> (email: String?, subject: String?) {
        var (email, subject): (String?, String?) = (nil, nil)
        var scanner = try JSONScanner(body, depthLimit: maximumDepth)
        var names = JSONNames(limit: maximumMembers)
        try scanner.beginObject()
        while let name = try scanner.nextMember(unique: &names) {
            if name == "email", scanner.next == .string {
                email = try scanner.string().text
            } else if name == "sub" {
                if scanner.next == .string {
                    subject = try scanner.string().text
                } else {
                    subject = ""
                    email = nil
                    try scanner.skipUnique(limit: maximumMembers)
                }
            } else {
                try scanner.skipUnique(limit: maximumMembers)
            }
        }
        try scanner.finish()
        return (email, subject)
    }

    /// The texts where an assertion has them, else where an answer has the custom ones.
    private static func texts(at path: MemberPath, _ body: UnsafeRawBufferPointer, ofGroups: Bool) -> [String]? {
        if let texts = CallerAttributes.texts(at: path, in: body, ofGroups: ofGroups) { return texts }
        guard path.names.count > 1, path.names[0] == "custom" else { return nil }
        for place in placesOfCustom {
            let texts = CallerAttributes.texts(at: path.within(place), in: body, ofGroups: ofGroups)
            if let texts { return texts }
        }
        return nil
    }

    /// The attributes of a caller: what the answer has, and for the rest what the assertion has.
    package func over(_ asserted: CallerAttributes) -> CallerAttributes {
        let claims = asserted.claims.merging(claims) { $1 }.filter { !$0.value.isEmpty }
        return CallerAttributes(groups: groups ?? asserted.groups, claims: claims)
    }

    /// Bytes of memory, about.
    var weight: Int {
        func weight(_ texts: [String]) -> Int { texts.reduce(64) { $0 + $1.utf8.count + 32 } }
        return weight(groups ?? []) + claims.values.reduce(0) { $0 + weight($1) }
    }
}
