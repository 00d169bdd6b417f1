/// A piece of the hot path by name, and how it is repeated.
struct MicroCase: Sendable {
    let name: String
    let repeated: @Sendable (_ count: Int) throws -> Void

    init(_ name: String, _ repeated: @escaping @Sendable (_ count: Int) throws -> Void) {
        self.name = name
        self.repeated = repeated
    }
}

/// A piece did not do what it is counted for.
struct Failure: Error {}

/// Holds a result to what it must be, so that nothing of the work can be left out.
func check(_ holds: Bool) throws(Failure) {
    guard holds else { throw Failure() }
}
