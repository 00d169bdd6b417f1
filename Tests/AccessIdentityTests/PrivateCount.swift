/// The number of elements in a private collection of a value: that nothing piles up there is promised, and told by nothing else.
func privateCount(_ name: String, of value: Any) -> Int? {
    Mirror(reflecting: value).children.first { $0.label == name }.map { Mirror(reflecting: $0.value).children.count }
}
