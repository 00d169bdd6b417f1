import NIOCore
import Testing

@testable import GatehouseProxy

@Suite struct RequestFormTests {
    @Test func `what has passed of a form is zeroed where it was received, and nothing beside it`() {
        let received = ByteBuffer(string: "head value=secret&key=k next")
        var body = RequestBody()
        for (start, end) in [(5, 17), (17, 23)] { body.passedForm(received.getSlice(at: start, length: end - start)!) }
        #expect(received.getString(at: 0, length: 28) == "head value=secret&key=k next")
        body.zeroForm()
        #expect(received.getString(at: 0, length: 28) == "head " + String(repeating: "\0", count: 18) + " next")
    }
}
