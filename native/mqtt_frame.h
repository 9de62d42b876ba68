#ifndef ENG_MQTT_FRAME_H
#define ENG_MQTT_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "must_use.h"

#include "mqtt_frame.cdef.h"

ENG_MUST_USE(eng_mqtt_frame);

#endif
