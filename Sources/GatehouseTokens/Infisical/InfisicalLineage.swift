/// The versions that came before the current one, as Gatehouse keeps them beside the secret.
///
/// Infisical's versions only go up: a rollback writes the old value as a new version. So the secret's metadata keep the versions whose values were
/// current, the oldest first; the last one is the value that is current now.
struct InfisicalLineage: Equatable {
    static let chainKey = "gatehouse-chain"
    static let versionKey = "gatehouse-version"
    /// Versions kept of the chain; the values of older ones stay in Infisical. Metadata values are bounded there.
    static let maximumCount = 50

    private(set) var chain: [Int]

    /// - Parameter version: the current version. One that Gatehouse did not write is taken for a rotation.
    init(of secret: InfisicalSecret) {
        let noted = secret.metadata(Self.versionKey).flatMap { Int($0) }
        // Anybody who may write the secret may write this metadata: no version can be newer than the secret is.
        chain = (secret.metadata(Self.chainKey) ?? "").split(separator: ",").suffix(Self.maximumCount)
            .compactMap { Int($0) }.filter { $0 > 0 && $0 <= secret.version }
        if noted != secret.version || chain.isEmpty {
            if chain.isEmpty, secret.version > 1 { chain = [secret.version - 1] }
            chain.append(secret.version)
        }
    }

    /// The lineage of a secret that does not exist yet.
    init() { chain = [] }

    /// The version to go back to.
    var predecessor: Int? { chain.dropLast().last }

    func adding(_ version: Int) -> InfisicalLineage {
        var next = self
        next.chain = (chain + [version]).suffix(Self.maximumCount)
        return next
    }

    var goingBack: InfisicalLineage {
        var next = self
        next.chain = chain.dropLast()
        return next
    }

    /// The metadata of the version that is about to be written.
    func metadata(at version: Int) -> [InfisicalSecret.Metadata] {
        [
            InfisicalSecret.Metadata(key: Self.chainKey, value: chain.map(String.init).joined(separator: ",")),
            InfisicalSecret.Metadata(key: Self.versionKey, value: String(version)),
        ]
    }
}
