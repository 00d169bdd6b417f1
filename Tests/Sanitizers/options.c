// The options of both sanitizers, linked into the tests and the product by setup.sh: many tests give the programs that they start an environment
// of their own. REPORTS is where each process writes what it finds. A SIGBUS is left to the product's own handler and to the system:
// tests see that it ends the process, and a process that it ends unasked fails its test.
#include <sys/prctl.h>

#define OPTIONS "log_path=" REPORTS ":handle_sigbus=0:print_suppressions=0"

const char *__asan_default_options(void) { return OPTIONS; }
const char *__tsan_default_options(void) { return OPTIONS; }

// Leaks are looked for by tracing the process, which one that can have no core forbids: then the sanitizer itself fails.
int __lsan_is_turned_off(void) { return prctl(PR_GET_DUMPABLE) != 1; }

// Leaks of others, in the tests' own process: Foundation's reading of files of which the system gives no length, its Process, which the one place that
// uses it names, and swift-crypto where an RSA key is made.
const char *__lsan_default_suppressions(void) {
  return "leak:FoundationEssentials17readBytesFromFile\n"
         "leak:GatehouseTestSupport8ChromiumO4load\n"
         "leak:BoringSSLRSAPrivateKeyV7Backing\n";
}
