internal import GatehouseCore

/// The token chosen for a caller of a route with personal tokens, and the lines that carry it.
final class PersonalChoice {
    let caller: Caller
    let route: PreparedRoute
    let use: PersonalUse
    let token: Secret
    let lines: Secret

    init(_ lines: Secret, with token: Secret, of use: PersonalUse, for caller: Caller, on route: PreparedRoute) {
        self.caller = caller
        self.route = route
        self.use = use
        self.token = token
        self.lines = lines
    }
}

/// The lines with personal tokens that one event loop rendered last: to choose a token and to render its lines takes a thirtieth of a request.
/// Direct-mapped. A loop forgets all of them when personal tokens or routes change, so that none outlives what it was chosen from.
///
/// A place holds the objects that it is found by, so that the address of none can become another's.
struct PersonalLines {
    /// Beyond as many callers and routes, the lines of one take the place of another's.
    private var choices: [PersonalChoice?] = Array(repeating: nil, count: CachePlace.count)

    subscript(caller: Caller, route: PreparedRoute) -> PersonalChoice? {
        guard let known = choices[CachePlace.of(caller, route)], known.caller === caller, known.route === route
        else { return nil }
        return known
    }

    mutating func keep(_ choice: PersonalChoice) { choices[CachePlace.of(choice.caller, choice.route)] = choice }
}
