extension Decoding {
    /// A part of the file, or its stand-in when a lenient reading could not read it.
    func part<Value>(_ section: Configuration.Section, _ value: Value?, _ standIn: KeyPath<Draft, Value>) -> Value? {
        guard value == nil, isLenient else { return value }
        unread.insert(section)
        return Draft.standIn[keyPath: standIn]
    }
}
