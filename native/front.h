#ifndef ENG_FRONT_H
#define ENG_FRONT_H

#include <stddef.h>
#include <stdint.h>

#include "must_use.h"
#include "credential_table.h"
#include "known_good.h"
#include "pending.h"
#include "seen.h"
#include "sessions.h"
#include "tls_connection.h"

#include "front.cdef.h"

ENG_MUST_USE(eng_front_open);
ENG_MUST_USE(eng_front_poll);
ENG_MUST_USE(eng_front_tell_strangers);
ENG_MUST_USE(eng_front_admit);
ENG_MUST_USE(eng_front_go_on);

#endif
