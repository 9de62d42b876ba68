#ifndef ENG_MEMORY_FILE_H
#define ENG_MEMORY_FILE_H

#include <stddef.h>

/* A memfd of a size that is sealed. Whoever makes it may write; every later mapping can only read (F_SEAL_FUTURE_WRITE,
 * Linux 5.1), so that a process which gets the descriptor changes nothing. */
struct eng_memory_file {
    void *map; /* NULL: not open */
    size_t size;
    int descriptor;
};

/* `size` zero bytes, mapped for writing. 1, or 0 with errno set. */
int eng_memory_file_create(const char *name, size_t size, struct eng_memory_file *file) __attribute__((warn_unused_result));

/* Map another's, read-only; `descriptor` stays the caller's. 0 with errno set; EINVAL when its size is not sealed. */
int eng_memory_file_map(int descriptor, struct eng_memory_file *file) __attribute__((warn_unused_result));

/* Unmap, and close the descriptor. What is not open is left alone. */
void eng_memory_file_close(struct eng_memory_file *file);

#endif
