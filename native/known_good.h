#ifndef ENG_KNOWN_GOOD_H
#define ENG_KNOWN_GOOD_H

#include <stddef.h>
#include <stdint.h>

#include "credential_table.h"
#include "mqtt_connect.h"
#include "must_use.h"

#include "known_good.cdef.h"

ENG_MUST_USE(eng_known_good);
ENG_MUST_USE(eng_known_good_still);

#endif
