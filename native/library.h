#ifndef ENG_LIBRARY_H
#define ENG_LIBRARY_H

#include "library.cdef.h"
#include "must_use.h"

ENG_MUST_USE(eng_library_version);

#endif
