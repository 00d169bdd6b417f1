internal import GatehouseCore
internal import Glibc
internal import Synchronization

/// SQLite maps the `-shm` file beside a database, the index of its write-ahead log, and another process may shorten it. SQLite then touches pages
/// that the file has no more, which raises SIGBUS (mmap(2)).
///
/// Ordinary memory in the mapping's place, as the audit's rings have it, would be another index than the one that other processes read and write,
/// and two of them ruin the database (https://www.sqlite.org/walformat.html, section 2). So the process ends, as a failed command does, and names
/// the file; the next one makes the index anew from the log. A fault in any other memory is what it would be without this.
///
/// The handler makes system calls and uses memory that was made before, and nothing else.
enum ShortenedIndex {
    private static let capacity = 16 << 10

    /// A piece of /proc/self/maps. Written by the thread that takes the fault.
    private nonisolated(unsafe) static let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    /// Whether a thread has taken one. The others wait for its end of the process.
    private static let isTaken = Atomic<Bool>(false)

    /// The action on SIGBUS before this one. Written once, by the call that installs the handler.
    private nonisolated(unsafe) static let former = FaultChain.place()

    /// Made by the first connection of the process.
    static let isWatched: Bool = {
        // Made before the first fault: a handler must not be who makes them.
        _ = bytes
        _ = former
        return FaultChain.install(
            { number, information, context in
                let saved = errno
                defer { errno = saved }
                guard let place = FaultChain.address(information) else { return }
                if !isTaken.exchange(true, ordering: .sequentiallyConsistent) {
                    if let name = index(at: place) { end(naming: name) }
                    isTaken.store(false, ordering: .sequentiallyConsistent)
                } else {
                    // The other thread ends the process, or this one faults again.
                    usleep(1000)
                    return
                }
                FaultChain.passOn(to: former, number, information, context)
            },
            before: former
        )
    }()

    private static func end(naming name: UnsafeRawBufferPointer) -> Never {
        // What nobody reads takes no line: the process ends all the same.
        var errors = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        if poll(&errors, 1, 0) == 1, errors.revents & Int16(POLLOUT) != 0 {
            say("gatehouse: error: ")
            _ = write(STDERR_FILENO, name.baseAddress, name.count)
            say(" was shortened while SQLite had it mapped\n")
            say(
                "gatehouse: hint: nothing but Gatehouse may write beside its databases; the next start makes the file anew\n"
            )
        }
        _exit(1)
    }

    private static func say(_ words: StaticString) {
        _ = write(STDERR_FILENO, words.utf8Start, words.utf8CodeUnitCount)
    }

    /// The path of the `-shm` file that is mapped at this address; nil where something else is (proc_pid_maps(5)).
    private static func index(at place: UInt) -> UnsafeRawBufferPointer? {
        let maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
        guard maps >= 0 else { return nil }
        defer { close(maps) }
        var held = 0
        while true {
            let count = read(maps, bytes + held, capacity - held)
            guard count > 0 else { return nil }
            held += count
            var start = 0
            for at in 0..<held where bytes[at] == UInt8(ascii: "\n") {
                if let found = path(in: start..<at, mappedAt: place) { return found.count > 0 ? found : nil }
                start = at + 1
            }
            // A line is shorter than the memory: a path has 4096 bytes at most.
            memmove(bytes, bytes + start, held - start)
            held -= start
        }
    }

    /// - Returns: nil when the line is about other addresses, nothing when it is about another kind of file.
    private static func path(in line: Range<Int>, mappedAt place: UInt) -> UnsafeRawBufferPointer? {
        var at = line.lowerBound
        let start = number(&at, line.upperBound)
        at += 1
        let end = number(&at, line.upperBound)
        guard place >= start, place < end else { return nil }
        let none = UnsafeRawBufferPointer(start: nil, count: 0)
        while at < line.upperBound, bytes[at] != UInt8(ascii: "/") { at += 1 }
        let suffix: StaticString = "-shm"
        let length = suffix.utf8CodeUnitCount
        guard line.upperBound - at > length,
            memcmp(bytes + line.upperBound - length, suffix.utf8Start, length) == 0
        else { return none }
        return UnsafeRawBufferPointer(start: bytes + at, count: line.upperBound - at)
    }

    private static func number(_ at: inout Int, _ end: Int) -> UInt {
        var value: UInt = 0
        while at < end {
            let byte = bytes[at]
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt(byte - UInt8(ascii: "a") + 10)
            case _: return value
            }
            at += 1
        }
        return value
    }
}
