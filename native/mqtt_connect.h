#ifndef ENG_MQTT_CONNECT_H
#define ENG_MQTT_CONNECT_H

#include <stddef.h>
#include <stdint.h>

#include "must_use.h"

#include "mqtt_connect.cdef.h"

ENG_MUST_USE(eng_mqtt_connect_read);

#endif
