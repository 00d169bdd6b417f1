internal import Glibc

/// The place of a first configuration, and the values in it that depend on the place.
struct InitPlace {
    /// The folder of the product's data.
    private static let ordinary = "/var/lib/gatehouse"
    /// Files by which container engines mark their containers.
    private static let marks = ["/.dockerenv", "/run/.containerenv"]

    let listen: String
    /// Absolute.
    let data: String
    /// Whether commands find the file without `--config`.
    let isFound: Bool

    init(out: String, data given: String?) {
        // In the product's image, what serves is another user in another container: the folder is there, and need not be writable here.
        let isContainer = access(Self.ordinary, F_OK) == 0 && Self.marks.contains { access($0, F_OK) == 0 }
        listen = isContainer ? "0.0.0.0:8080" : "127.0.0.1:8080"
        let folder = Self.absolute(
            out.lastIndex(of: "/").map { $0 == out.startIndex ? "/" : String(out[..<$0]) } ?? "."
        )
        if let given {
            data = Self.absolute(given)
        } else if isContainer || access(Self.ordinary, W_OK) == 0 {
            data = Self.ordinary
        } else {
            data = folder == "/" ? "/gatehouse-data" : "\(folder)/gatehouse-data"
        }
        let file = "\(folder == "/" ? "" : folder)/\(out.split(separator: "/").last ?? "")"
        let named = getenv(ConfigurationOption.variable).map { String(cString: $0) }
        isFound = ([named].compactMap { $0 } + ConfigurationOption.places).contains { Self.absolute($0) == file }
    }

    /// The folder beside the file is made here; the product's own is made by its installation.
    func makeData() throws(CommandFailure) {
        guard data != Self.ordinary else { return }
        guard mkdir(data, 0o700) == 0 || errno == EEXIST else {
            throw CommandFailure("cannot make \(data): \(String(cString: strerror(errno)))")
        }
    }

    private static func absolute(_ path: String) -> String {
        if let resolved = realpath(path, nil) {
            defer { free(resolved) }
            return String(cString: resolved)
        }
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        return "\(String(cString: folder))/\(path.hasPrefix("./") ? String(path.dropFirst(2)) : path)"
    }
}
