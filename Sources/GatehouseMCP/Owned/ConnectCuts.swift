internal import GatehouseCore

/// The members of a call's params that answer Gatehouse's own `input_required` result: the upstream gave no such result, and gets none of them.
enum ConnectCuts {
    private struct Member {
        let range: Range<Int>
        let isCut: Bool
    }

    /// The places to leave out so that what remains is the same object without these members; nil for a body that is not read so.
    static func places(in body: UnsafeRawBufferPointer) -> [Range<Int>]? {
        do throws(JSONFault) {
            var scanner = try JSONScanner(body)
            try scanner.beginObject()
            while let member = try scanner.nextMember() {
                if member == "params", scanner.next == .object { return places(of: try members(&scanner)) }
                try scanner.skip()
            }
            return nil
        } catch { return nil }
    }

    private static func members(_ scanner: inout JSONScanner) throws(JSONFault) -> [Member] {
        var members: [Member] = []
        try scanner.beginObject()
        while let name = try scanner.nextMember() {
            let start = name.range.lowerBound - 1
            let value = try scanner.skip()
            members.append(
                Member(range: start..<value.upperBound, isCut: name == "requestState" || name == "inputResponses")
            )
        }
        return members
    }

    /// Each kept member but the first keeps the comma before it.
    private static func places(of members: [Member]) -> [Range<Int>] {
        var places: [Range<Int>] = []
        var cut: Range<Int>?
        var lastKept: Member?
        func close(before next: Member?) {
            guard let open = cut else { return }
            defer { cut = nil }
            switch (lastKept, next) {
            case (nil, let next?): places.append(open.lowerBound..<next.range.lowerBound)
            case (nil, nil): places.append(open)
            case (let last?, _): places.append(last.range.upperBound..<open.upperBound)
            }
        }
        for member in members {
            if member.isCut {
                cut = (cut?.lowerBound ?? member.range.lowerBound)..<member.range.upperBound
            } else {
                close(before: member)
                lastKept = member
            }
        }
        close(before: nil)
        return places
    }
}
