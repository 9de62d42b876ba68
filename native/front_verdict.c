#include "front_verdict.h"

#include "mqtt_connect.h"
#include "mqtt_frame.h"

#define CONNECT 0x10

/* CONNACK by the version and the keep-alive in force (session/mqtt.py, keep_alive_in_force). */
static void accept(const struct eng_front_settings *settings, const struct eng_mqtt_connect *connect,
                   struct eng_front_verdict *verdict)
{
    const struct eng_front_words *words = settings->connack5[connect->session_expiry_interval != 0];
    const uint32_t least = settings->keep_alive_minimum_s, most = settings->keep_alive_maximum_s;

    *verdict = (struct eng_front_verdict){.connack = &words[0],
                                          .client_maximum = connect->maximum_packet_size,
                                          .keep_alive_s = connect->keep_alive,
                                          .version = connect->protocol_version};
    if (connect->protocol_version < 5) {
        verdict->connack = &settings->connack;
        return;
    }
    if (connect->keep_alive == 0 || connect->keep_alive > most) {
        verdict->connack = &words[2];
        verdict->keep_alive_s = (uint16_t)most;
        return;
    }
    if (connect->keep_alive < least) {
        verdict->connack = &words[1];
        verdict->keep_alive_s = (uint16_t)least;
    }
}

int eng_front_question(const struct eng_front_known *known, const uint8_t *body, size_t body_len,
                       struct eng_front_question *question)
{
    return eng_mqtt_connect_read(body, body_len, &question->connect) == 0 &&
           eng_known_good_claim(known->table, known->policy, &question->connect, &question->claim) == 1;
}

int eng_front_judge(const struct eng_front_settings *settings, const struct eng_front_known *known,
                    const struct eng_front_question *question, const uint8_t *list, size_t list_len, int64_t now,
                    struct eng_secret_key *key, struct eng_known_good *good, struct eng_front_verdict *verdict)
{
    if (eng_known_good_judge(known->table, known->policy, &question->connect, &question->claim, list, list_len, now,
                             key, good) != 1)
        return 0;
    accept(settings, &question->connect, verdict);
    if (verdict->client_maximum == 0 || verdict->client_maximum >= verdict->connack->len)
        return 1;
    /* A CONNACK that the client does not take is Python's to leave out. */
    good->device_id = NULL;
    return 0;
}

int eng_front_verdict_of_packet(const struct eng_front_settings *settings, const struct eng_front_known *known,
                                const uint8_t *data, size_t data_len, int64_t now, struct eng_front_verdict *verdict)
{
    struct eng_secret_key key = {.is_set = 0};
    struct eng_front_question question;
    struct eng_known_good good;
    size_t start, end;

    return eng_mqtt_frame(data, data_len, settings->connect_packet_bytes, &start, &end) == 1 && data[0] == CONNECT &&
           eng_front_question(known, data + start, end - start, &question) == 1 &&
           eng_front_judge(settings, known, &question, NULL, 0, now, &key, &good, verdict) == 1 &&
           eng_known_good_still(known->table, &good) == 1;
}
