import Foundation
import Testing

/// What earlier runs of `Tests/Fuzzing/run.sh` have kept: the inputs that pass each edge they found, and each case that once failed.
///
/// `GATEHOUSE_TEST_FUZZ_CASES` says how many inputs are made of them for each target.
@Suite struct CorpusTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../Corpus").standardizedFileURL

    private static let cases =
        ProcessInfo.processInfo.environment["GATEHOUSE_TEST_FUZZ_CASES"].flatMap { Int($0) } ?? 300

    private static func inputs(of target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        let files = try FileManager.default.contentsOfDirectory(
            at: folder.appendingPathComponent(target.rawValue),
            includingPropertiesForKeys: nil
        )
        return try files.sorted { $0.path < $1.path }.map { ($0.lastPathComponent, [UInt8](try Data(contentsOf: $0))) }
    }

    @Test(arguments: FuzzTarget.allCases)
    func `what was kept holds`(target: FuzzTarget) throws {
        var taken = 0
        let inputs = try Self.inputs(of: target)
        for (name, bytes) in inputs {
            do throws(Finding) {
                if try target.check(bytes) { taken += 1 }
            } catch {
                Issue.record("\(target.rawValue)/\(name): \(error)")
            }
        }
        // A corpus of which nothing is taken tells nothing.
        #expect(inputs.count >= 10 && taken >= 3)
    }

    /// A short run of each target, blind: what was kept is damaged in a few places. `Tests/Fuzzing/run.sh` follows the edges that are passed instead.
    @Test(arguments: FuzzTarget.allCases)
    func `what is made of it by damage holds`(target: FuzzTarget) throws {
        var mutator = Mutator(seed: 300)
        let inputs = try Self.inputs(of: target)
        for _ in 0..<Self.cases {
            var bytes = inputs[mutator.number(inputs.count)].bytes
            for _ in 0...mutator.number(4) { mutator.damage(&bytes) }
            do throws(Finding) { try target.check(bytes) } catch {
                Issue.record("\(target.rawValue): \(error), by the input \(Data(bytes).base64EncodedString())")
                return
            }
        }
    }

    @Test func `each folder is of a target`() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(Set(names) == Set(FuzzTarget.allCases.map(\.rawValue)))
    }
}
