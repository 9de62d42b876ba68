#ifndef ENG_FRONT_VERDICT_H
#define ENG_FRONT_VERDICT_H

#include "front.h"
#include "known_good.h"

#include "front_verdict.cdef.h"

/* A CONNECT that was read, and whom it claims to be. */
struct eng_front_question {
    struct eng_mqtt_connect connect;
    struct eng_known_good_claim claim;
};

/* body: what stands behind the Fixed Header, on a connection of which C may decide. 1, and the question; 0: ask Python. */
int eng_front_question(const struct eng_front_known *known, const uint8_t *body, size_t body_len,
                       struct eng_front_question *question) __attribute__((warn_unused_result));

/* list: the peer's certificates, or NULL. 1: accepted, and `good` says who, as long as eng_known_good_still holds. 0: ask
 * Python; of `good` there is device_id, as eng_known_good leaves it. */
int eng_front_judge(const struct eng_front_settings *settings, const struct eng_front_known *known,
                    const struct eng_front_question *question, const uint8_t *list, size_t list_len, int64_t now,
                    struct eng_secret_key *key, struct eng_known_good *good, struct eng_front_verdict *verdict)
    __attribute__((warn_unused_result));

ENG_MUST_USE(eng_front_verdict_of_packet);

#endif
