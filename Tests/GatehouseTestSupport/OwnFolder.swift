import Foundation
import Testing

/// A folder of a test's own, which is removed with all in it when the test is over.
package final class OwnFolder: Sendable {
    package let path: String

    /// - Parameter name: the part of the folder's name by which a person knows it.
    package init(_ name: String) throws {
        var template = Array("/tmp/gatehouse-\(name).XXXXXX".utf8CString)
        path = String(cString: try #require(mkdtemp(&template)))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
