internal import Crypto
internal import GatehouseConfig
internal import GatehouseCore

/// The configuration file as an instance sees it, beside what is in force.
struct StatusFile: Sendable {
    let path: String
    /// SHA-256 in hex.
    let inForce: String
    /// Nil for a file that cannot be read.
    let onDisk: String?
    /// A file that is mounted by itself, whose name was given to another one outside (`st_nlink` 0): this instance goes on seeing the old one.
    let isReplacedOutside: Bool

    init(path: String, inForce text: [UInt8]) {
        self.path = path
        inForce = Self.digest(text)
        onDisk = (try? Configuration.bytes(of: path)).map(Self.digest)
        isReplacedOutside = FileStatus(path)?.isUnlinked ?? false
    }

    /// - Precondition: for tests.
    init(path: String, inForce: String, onDisk: String?, isReplacedOutside: Bool = false) {
        (self.path, self.inForce, self.onDisk, self.isReplacedOutside) = (path, inForce, onDisk, isReplacedOutside)
    }

    var words: String {
        if isReplacedOutside {
            return "this file was replaced outside; the container still sees the old one: mount the folder"
        }
        guard let onDisk else { return "cannot be read" }
        return onDisk == inForce ? "the same as in force" : "differs from what is in force"
    }

    static func digest(_ bytes: [UInt8]) -> String {
        Hex.encode(SHA256.hash(data: bytes))
    }
}
