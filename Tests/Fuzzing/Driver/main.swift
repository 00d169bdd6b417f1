import Glibc

// libFuzzer's own driver, which `run.sh` links without its `main`.
@_silgen_name("LLVMFuzzerRunDriver")
func runFuzzer(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ check: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

// In the environment, because libFuzzer starts itself again with the arguments that it knows.
guard let name = getenv("GATEHOUSE_FUZZ_TARGET"), let target = FuzzTarget(rawValue: String(cString: name)) else {
    // One a line, for the script.
    print(FuzzTarget.allCases.map(\.rawValue).joined(separator: "\n"))
    exit(64)
}
Fuzzed.target = target
var count = CommandLine.argc
var arguments = CommandLine.unsafeArgv
exit(runFuzzer(&count, &arguments) { bytes, count in Fuzzed.check(bytes, count) })

enum Fuzzed {
    nonisolated(unsafe) static var target = FuzzTarget.request

    static func check(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
        do throws(Finding) {
            try target.check(Array(UnsafeBufferPointer(start: bytes, count: count)))
        } catch {
            let words = Array("\nfinding: \(error)\n".utf8)
            write(STDERR_FILENO, words, words.count)
            abort()
        }
        return 0
    }
}
