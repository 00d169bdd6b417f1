// The options of both sanitizers, linked into the tests and the product by setup.sh: many tests give the programs that they start an environment
// of their own. REPORTS is where each process writes what it finds. A SIGBUS is left to the product's own handler and to the system:
// tests see that it ends the process, and a process that it ends unasked fails its test.
#include <stdlib.h>
#include <sys/prctl.h>

#define OPTIONS "log_path=" REPORTS ":handle_sigbus=0"

const char *__asan_default_options(void) { return OPTIONS; }
const char *__tsan_default_options(void) { return OPTIONS; }

// Leaks are looked for by tracing the process, which one that can have no core forbids: then the sanitizer itself fails.
int __lsan_is_turned_off(void) { return prctl(PR_GET_DUMPABLE) != 1; }

// The sanitizer looks for them at exit(3), and the product ends by quick_exit(3).
__attribute__((weak)) void __lsan_do_leak_check(void);
__attribute__((constructor)) static void look_at_the_end(void) {
    if (__lsan_do_leak_check) at_quick_exit(__lsan_do_leak_check);
}
