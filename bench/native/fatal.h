#ifndef BENCH_FATAL_H
#define BENCH_FATAL_H

/* A benchmark that cannot be set up measures nothing: says what failed, with errno and libssl's errors, and exits 2. */
_Noreturn void fatal(const char *what);

#endif
