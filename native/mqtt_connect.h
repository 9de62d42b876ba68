#ifndef ENG_MQTT_CONNECT_H
#define ENG_MQTT_CONNECT_H

#include <stddef.h>
#include <stdint.h>

#include "mqtt_connect.cdef.h"

#endif
