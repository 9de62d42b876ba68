#ifndef ENG_SESSIONS_H
#define ENG_SESSIONS_H

#include <stddef.h>
#include <stdint.h>

#include "must_use.h"
#include "sessions.cdef.h"

ENG_MUST_USE(eng_sessions_open);
ENG_MUST_USE(eng_sessions_attach);
ENG_MUST_USE(eng_sessions_device_id);
ENG_MUST_USE(eng_sessions_device_ids);

/* Have the cache fetch what the end of this session will look at. */
void eng_sessions_fetch(const struct eng_sessions *sessions, uint64_t handle);

#endif
