package import GatehouseCore

/// One thing that `/readyz` looks at.
package struct ReadinessCheck: Hashable, Sendable {
    package let name: String
    package let isReady: Bool
    /// One word, or a sentence without secrets.
    package let detail: String

    /// Writes the members into an open object.
    package func write(to json: inout JSONText) {
        json.string("name", name)
        json.bool("ready", isReady)
        json.string("detail", detail)
    }
}
