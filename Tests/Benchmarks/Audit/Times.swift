/// Times that were measured.
struct Times {
    private var values: [Duration] = []
    var count: Int { values.count }

    mutating func add(_ value: Duration) { values.append(value) }

    func quantile(_ part: Double) -> Duration {
        let sorted = values.sorted()
        return sorted.isEmpty ? .zero : sorted[min(sorted.count - 1, Int(part * Double(sorted.count)))]
    }

    static func text(_ time: Duration) -> String {
        let micros = time / .nanoseconds(1) / 1000
        return micros < 1000 ? "\((micros * 100).rounded() / 100) µs" : "\((micros / 10).rounded() / 100) ms"
    }
}
