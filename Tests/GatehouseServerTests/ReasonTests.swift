import AccessIdentity
import GatehouseCore
@testable import GatehouseServer
import Testing

@Suite struct ARejectedAssertion {
    @Test(arguments: AssertionRejection.allCases)
    func becomesTheReasonOfTheSameName(_ rejection: AssertionRejection) {
        // The initialiser ends the process for a rejection that is no reason: a new one must meet this test first.
        #expect(Reason(rawValue: rejection.rawValue) != nil)
        let reason = Reason(rejection)
        #expect(reason.rawValue == rejection.rawValue)
        #expect(reason.status == 401)
        #expect(reason.publicCode == .unauthenticated)
    }

    @Test func isToldApartFromEveryOther() {
        let reasons = Set(AssertionRejection.allCases.map { Reason($0) })
        #expect(reasons.count == AssertionRejection.allCases.count)
    }
}
