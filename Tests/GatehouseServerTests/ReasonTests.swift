import AccessIdentity
import GatehouseCore
@testable import GatehouseServer
import Testing

@Suite struct ARejectedAssertion {
    @Test(arguments: AssertionRejection.allCases)
    func `a rejected assertion becomes the reason of the same name`(_ rejection: AssertionRejection) {
        let reason = Reason(rejection)
        #expect(reason.rawValue == rejection.rawValue)
        #expect(reason.status == 401)
        #expect(reason.publicCode == .unauthenticated)
    }

    @Test func `a rejected assertion is distinguished from every other`() {
        let reasons = Set(AssertionRejection.allCases.map { Reason($0) })
        #expect(reasons.count == AssertionRejection.allCases.count)
    }
}
