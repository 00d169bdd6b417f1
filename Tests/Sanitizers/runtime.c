// Tells ThreadSanitizer what Swift's own libraries order, which are not built under it. Linked into the tests and the product by setup.sh.
//
// A Mutex that is free is taken and given back by atomics inlined into our code, which the sanitizer sees. One that another thread
// holds is waited for in libswiftSynchronization.so, which is not built under the sanitizer: to it the wait orders nothing, and what
// the lock guards would race.
//
// A task whose continuation is resumed before it waits for it goes on at once. The runtime tells the sanitizer of the resumption, as of
// every task that is taken up again, but here not of the going on, which is told where the awaiting function frees the memory of
// the call: a task learns nothing but what it was resumed by.
//
// A program's own definitions come before a library's: here all are passed on, and what they order is told. No report is suppressed:
// without the Mutex and the continuation, or past them, a race is reported as ever.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

// <sanitizer/tsan_interface.h>
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

SWIFT void lock_slow(uint32_t thread, SELF void *mutex) __asm__(LOCK);
SWIFT void unlock_slow(SELF void *mutex) __asm__(UNLOCK);

SWIFT void lock_slow(uint32_t thread, SELF void *mutex) {
    SWIFT void (*lock)(uint32_t, SELF void *) = dlsym(RTLD_NEXT, LOCK);
    lock(thread, mutex);
    if (__tsan_acquire) __tsan_acquire(mutex);
}

SWIFT void unlock_slow(SELF void *mutex) {
    SWIFT void (*unlock)(SELF void *) = dlsym(RTLD_NEXT, UNLOCK);
    if (__tsan_release) __tsan_release(mutex);
    unlock(mutex);
}

#define FREE "swift_task_dealloc"

SWIFT void *swift_task_getCurrent(void);
SWIFT void task_free(void *memory) __asm__(FREE);

SWIFT void task_free(void *memory) {
    // Called for every call of an async function: looked up once.
    static SWIFT void (*_Atomic found)(void *);
    SWIFT void (*release)(void *) = found;
    if (!release) found = release = dlsym(RTLD_NEXT, FREE);
    release(memory);
    if (__tsan_acquire) __tsan_acquire(swift_task_getCurrent());
}
