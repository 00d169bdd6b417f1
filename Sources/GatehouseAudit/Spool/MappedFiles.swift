internal import GatehouseCore
internal import Glibc
internal import Synchronization

/// The file mappings of this process that another process may shorten.
///
/// A page of a mapping whose file was cut off under it raises SIGBUS when it is touched (mmap(2)), and no size that was asked for before
/// holds: seals exist for memory files only. So the fault is taken: ordinary memory is put in the mapping's place, which is marked as
/// lost, and the instruction runs again. A fault anywhere else ends the process as it would without this.
///
/// The handler makes system calls and reads atomics, and nothing else.
enum MappedFiles {
    struct Slot: ~Copyable {
        /// The address of the mapping; 0 means free, 1 means being filled.
        fileprivate let start = Atomic<UInt>(0)
        fileprivate let length = Atomic<Int>(0)
        /// Whether the memory there is no more the file's.
        let isLost = Atomic<Bool>(false)
    }

    /// Mappings at most; further ones are refused. A process has one for each event loop.
    static let capacity = 1024
    private static let beingFilled: UInt = 1

    /// Nothing but the atomics in it is written once it is made. Never freed: one for the process.
    private nonisolated(unsafe) static let slots: UnsafeMutablePointer<Slot> = {
        let slots = UnsafeMutablePointer<Slot>.allocate(capacity: capacity)
        for index in 0..<capacity { (slots + index).initialize(to: Slot()) }
        return slots
    }()

    /// The action on SIGBUS before this handler. Written once, by the call that installs the handler, and only read from then on.
    private nonisolated(unsafe) static let former = FaultChain.place()

    private static let isInstalled: Bool = {
        // Made before the first fault: a handler must not be who makes them.
        _ = slots
        _ = former
        return FaultChain.install(
            { number, information, context in
                let saved = errno
                defer { errno = saved }
                guard let place = FaultChain.address(information), MappedFiles.replace(around: place) else {
                    return FaultChain.passOn(to: MappedFiles.former, number, information, context)
                }
            },
            before: former
        )
    }()

    /// - Returns: nil when there are too many, or the signal cannot be taken.
    static func add(_ base: UnsafeMutableRawPointer, length: Int) -> UnsafeMutablePointer<Slot>? {
        guard isInstalled else { return nil }
        for index in 0..<capacity {
            let slot = slots + index
            guard
                slot.pointee.start.compareExchange(expected: 0, desired: beingFilled, ordering: .acquiring).exchanged
            else { continue }
            slot.pointee.length.store(length, ordering: .relaxed)
            slot.pointee.isLost.store(false, ordering: .relaxed)
            slot.pointee.start.store(UInt(bitPattern: base), ordering: .releasing)
            return slot
        }
        return nil
    }

    /// To be called before the memory is unmapped: its addresses may belong to another mapping then.
    static func remove(_ slot: UnsafeMutablePointer<Slot>) { slot.pointee.start.store(0, ordering: .releasing) }

    private static func replace(around place: UInt) -> Bool {
        for index in 0..<capacity {
            let slot = slots + index
            let start = slot.pointee.start.load(ordering: .acquiring)
            let length = slot.pointee.length.load(ordering: .relaxed)
            guard start > beingFilled, place >= start, place &- start < UInt(bitPattern: length) else { continue }
            // Of several threads that meet the fault one repairs the mapping; the others fault again until that is done.
            if slot.pointee.isLost.exchange(true, ordering: .sequentiallyConsistent) { return true }
            return mmap(
                UnsafeMutableRawPointer(bitPattern: start),
                length,
                PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                -1,
                0
            ) != MAP_FAILED
        }
        return false
    }
}
