/// Whether written bytes have to be given to the kernel: those of one reading leave together when it ends.
struct Flushing {
    private var isReading = false
    private var isDue = false

    mutating func readBegan() { isReading = true }
    mutating func readEnded() { isReading = false }
    mutating func written() { isDue = true }
    /// The written bytes are flushed by another path.
    mutating func done() { isDue = false }

    /// - Returns: whether it is time to flush, which is then taken for done.
    mutating func take() -> Bool {
        guard isDue, !isReading else { return false }
        isDue = false
        return true
    }
}
