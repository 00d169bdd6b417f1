/// The secret keys of one purpose: the first one makes, all of them check, so that a rotation of the key they come from
/// breaks nothing that was made before.
package struct PurposeKeys: Sendable {
    package let current: Secret
    package let older: [Secret]

    package var all: [Secret] { [current] + older }

    package init(current: Secret, older: [Secret] = []) {
        self.current = current
        self.older = older
    }
}
