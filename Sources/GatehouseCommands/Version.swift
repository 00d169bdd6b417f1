/// The version of these sources, in the one place that holds it.
enum Version {
    static let number = "0.1.0"
    /// The commit that a release or an image is built from: deploy/revision.sh writes it into the copy that is built. Empty in a working tree.
    static let revision = ""

    static var text: String { revision.isEmpty ? number : "\(number) (\(revision))" }
}
