#ifndef ENG_SECRET_H
#define ENG_SECRET_H

#include <stddef.h>
#include <stdint.h>

#include "must_use.h"
#include "secret.cdef.h"

ENG_MUST_USE(eng_secret_verify);

#endif
