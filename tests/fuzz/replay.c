/* Runs a libFuzzer target on the files that are named, without libFuzzer: any compiler has what this needs. With
 * -DFORGETFUL and --wrap=eng_pending_remove, on a front that forgets to give places back. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef FORGETFUL
#include "pending.h"

void __wrap_eng_pending_remove(struct eng_pending *pending, uint32_t place);
void __wrap_eng_pending_remove(struct eng_pending *pending, uint32_t place)
{
    (void)pending;
    (void)place;
}
#endif

int main(int argc, char **argv)
{
    LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        uint8_t all[65536], *data;
        size_t size;

        if (file == NULL)
            return 2;
        size = fread(all, 1, sizeof all, file);
        fclose(file);
        data = malloc(size + 1); /* of its own, so that reading behind it is seen */
        for (size_t at = 0; at < size; at++)
            data[at] = all[at];
        LLVMFuzzerTestOneInput(data, size);
        free(data);
    }
    return 0;
}
