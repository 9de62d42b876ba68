#include "fatal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

_Noreturn void fatal(const char *what)
{
    fprintf(stderr, "%s (%s)\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(2);
}
