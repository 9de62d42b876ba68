#define _GNU_SOURCE /* MADV_DONTDUMP */

#include "credential_keys.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

static int protect(struct eng_memory_file *file)
{
    if (mlock(file->map, file->size) == 0 && madvise(file->map, file->size, MADV_DONTDUMP) == 0)
        return 1;
    eng_memory_file_close(file);
    return 0;
}

int eng_credential_keys_create(struct eng_memory_file *file)
{
    if (!eng_memory_file_create("keyturn-credential-keys", (size_t)sysconf(_SC_PAGESIZE), file) || !protect(file))
        return 0;
    /* Up to 256 bytes come whole (getrandom(2)). */
    if (getrandom(file->map, sizeof(struct eng_credential_keys), 0) == sizeof(struct eng_credential_keys)
        && mprotect(file->map, file->size, PROT_READ) == 0)
        return 1;
    eng_memory_file_close(file);
    return 0;
}

int eng_credential_keys_map(int descriptor, struct eng_memory_file *file)
{
    if (!eng_memory_file_map(descriptor, file))
        return 0;
    if (file->size == (size_t)sysconf(_SC_PAGESIZE))
        return protect(file);
    eng_memory_file_close(file);
    errno = EINVAL;
    return 0;
}
