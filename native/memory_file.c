#define _GNU_SOURCE /* memfd_create, F_ADD_SEALS */

#include "memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

int eng_memory_file_create(const char *name, size_t size, struct eng_memory_file *file)
{
    int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    void *map;

    if (descriptor < 0)
        return 0;
    if (ftruncate(descriptor, (off_t)size) != 0)
        goto failed;
    map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (map == MAP_FAILED)
        goto failed;
    *file = (struct eng_memory_file){map, size, descriptor};
    if (fcntl(descriptor, F_ADD_SEALS, SIZE_SEALS | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) == 0)
        return 1;
    eng_memory_file_close(file);
    return 0;
failed:
    close(descriptor);
    return 0;
}

int eng_memory_file_map(int descriptor, struct eng_memory_file *file)
{
    struct stat status;
    int seals = fcntl(descriptor, F_GET_SEALS);
    void *map;
    int own;

    if (seals < 0 || fstat(descriptor, &status) != 0)
        return 0;
    /* A file that could still shrink would kill its reader with SIGBUS. */
    if ((seals & SIZE_SEALS) != SIZE_SEALS || status.st_size <= 0) {
        errno = EINVAL;
        return 0;
    }
    own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return 0;
    map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, own, 0);
    if (map == MAP_FAILED) {
        close(own);
        return 0;
    }
    *file = (struct eng_memory_file){map, (size_t)status.st_size, own};
    return 1;
}

void eng_memory_file_close(struct eng_memory_file *file)
{
    if (file->map == NULL)
        return;
    munmap(file->map, file->size);
    close(file->descriptor);
    file->map = NULL;
}
