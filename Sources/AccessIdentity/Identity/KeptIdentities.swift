/// The last answer about each sign-in, and the last failure. All times in seconds since 1970.
struct KeptIdentities {
    /// Sign-ins kept at most; beyond it the one that was asked about longest ago goes, which costs its person a fetch.
    static let maximum = 10_000
    /// Sign-ins of one person, likewise: nobody's sign-ins displace those of others before they have displaced their own.
    static let maximumPerPerson = 8
    /// Bytes of all answers together, likewise.
    static let maximumWeight = 64 << 20

    struct Kept {
        var answer: IdentityAnswer?
        var fetchedAt: Int64 = 0
        var failure: IdentityFailure?
        /// When it was asked last, well or not.
        var askedAt: Int64

        var weight: Int { answer?.weight ?? 0 }
    }

    private var entries: [SignIn: Kept] = [:]
    private var persons: [SignIn.Person: [SignIn]] = [:]
    private(set) var weight = 0

    var count: Int { entries.count }

    subscript(_ signIn: SignIn) -> Kept? { entries[signIn] }

    mutating func keep(_ kept: Kept, of signIn: SignIn) {
        remove(signIn)
        let own = persons[signIn.person] ?? []
        if own.count >= Self.maximumPerPerson, let oldest = oldest(of: own) { remove(oldest) }
        while entries.count >= Self.maximum || weight + kept.weight > Self.maximumWeight {
            guard let oldest = oldest(of: entries.keys) else { break }
            remove(oldest)
        }
        entries[signIn] = kept
        persons[signIn.person, default: []].append(signIn)
        weight += kept.weight
    }

    private func oldest(of signIns: some Sequence<SignIn>) -> SignIn? {
        signIns.min { (entries[$0]?.askedAt ?? .min) < (entries[$1]?.askedAt ?? .min) }
    }

    private mutating func remove(_ signIn: SignIn) {
        guard let kept = entries.removeValue(forKey: signIn) else { return }
        weight -= kept.weight
        persons[signIn.person]?.removeAll { $0 == signIn }
        if persons[signIn.person]?.isEmpty == true { persons[signIn.person] = nil }
    }
}
