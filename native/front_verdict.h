#ifndef ENG_FRONT_VERDICT_H
#define ENG_FRONT_VERDICT_H

#include "front.h"
#include "known_good.h"

#include "front_verdict.cdef.h"

ENG_MUST_USE(eng_front_verdict);
ENG_MUST_USE(eng_front_verdict_of_packet);

#endif
