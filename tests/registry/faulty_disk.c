/* A disk that fails once, for LD_PRELOAD: the n-th call of one kind on a file named registry.db* gets an error.
 *
 * Nothing real makes fsync fail on demand, and what SQLite and the writer do after it is what has to be shown. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum kind { NONE, READ, WRITE, SYNC };

static int armed_kind = NONE;
static int armed_error;
static long calls_left;

void faulty_disk_arm(int kind, int error, long nth)
{
    armed_error = error;
    calls_left = nth;
    __atomic_store_n(&armed_kind, kind, __ATOMIC_SEQ_CST);
}

/* Disarm; whether the call that was to fail was made. */
int faulty_disk_has_struck(void)
{
    __atomic_store_n(&armed_kind, NONE, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&calls_left, __ATOMIC_SEQ_CST) <= 0;
}

static int strikes(int kind, int fd)
{
    char link[64];
    char path[4096];

    if (__atomic_load_n(&armed_kind, __ATOMIC_SEQ_CST) != kind) {
        return 0;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t path_len = readlink(link, path, sizeof path - 1);
    if (path_len < 0) {
        return 0;
    }
    path[path_len] = '\0';
    if (strstr(path, "/registry.db") == NULL) {
        return 0;
    }
    if (__atomic_sub_fetch(&calls_left, 1, __ATOMIC_SEQ_CST) != 0) {
        return 0;
    }
    errno = armed_error;
    return 1;
}

ssize_t pread64(int fd, void *buffer, size_t buffer_len, off64_t offset)
{
    ssize_t (*next)(int, void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pread64");
    return strikes(READ, fd) ? -1 : next(fd, buffer, buffer_len, offset);
}

ssize_t pwrite64(int fd, const void *buffer, size_t buffer_len, off64_t offset)
{
    ssize_t (*next)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
    return strikes(WRITE, fd) ? -1 : next(fd, buffer, buffer_len, offset);
}

int fdatasync(int fd)
{
    int (*next)(int) = dlsym(RTLD_NEXT, "fdatasync");
    return strikes(SYNC, fd) ? -1 : next(fd);
}
