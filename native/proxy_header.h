#ifndef ENG_PROXY_HEADER_H
#define ENG_PROXY_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "must_use.h"

#include "proxy_header.cdef.h"

ENG_MUST_USE(eng_proxy_header_read);

#endif
