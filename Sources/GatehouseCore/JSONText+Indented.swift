extension JSONText {
    /// The same on lines of their own, two spaces a level, for files that people read.
    package var indented: String {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count * 2)
        var depth = 0
        var isInString = false
        var index = 0
        func line() { output += [0x0A] + [UInt8](repeating: 0x20, count: depth * 2) }
        while index < bytes.count {
            let byte = bytes[index]
            if isInString {
                output.append(byte)
                if byte == 0x5C {
                    index += 1
                    output.append(bytes[index])
                } else if byte == 0x22 {
                    isInString = false
                }
            } else {
                switch byte {
                case 0x22:
                    isInString = true
                    output.append(byte)
                case 0x7B, 0x5B:
                    output.append(byte)
                    // `{}` and `[]` stay together.
                    if index + 1 < bytes.count, bytes[index + 1] == byte + 2 {
                        index += 1
                        output.append(bytes[index])
                    } else {
                        depth += 1
                        line()
                    }
                case 0x7D, 0x5D:
                    depth -= 1
                    line()
                    output.append(byte)
                case 0x2C:
                    output.append(byte)
                    line()
                case 0x3A: output += [byte, 0x20]
                case _: output.append(byte)
                }
            }
            index += 1
        }
        return String(decoding: output, as: UTF8.self) + "\n"
    }
}
