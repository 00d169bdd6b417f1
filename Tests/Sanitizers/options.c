// The options of both sanitizers, linked into the tests and the product by setup.sh: many tests give the programs that they start an environment
// of their own. REPORTS is where each process writes what it finds.
#include <sys/prctl.h>

const char *__asan_default_options(void) { return "log_path=" REPORTS; }
const char *__tsan_default_options(void) { return "log_path=" REPORTS; }

// Leaks are looked for by tracing the process, which one that can have no core forbids: then the sanitizer itself fails.
int __lsan_is_turned_off(void) { return prctl(PR_GET_DUMPABLE) != 1; }
