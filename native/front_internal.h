#ifndef ENG_FRONT_INTERNAL_H
#define ENG_FRONT_INTERNAL_H

/* What the files of the front share: front.c (its life, and the poll), front_accept.c, front_proxy.c, front_queue.c,
 * front_handshake.c, front_read.c, front_together.c, front_stream.c, front_write.c,
 * front_reply.c, front_strangers.c. */

#include <sys/epoll.h>

#include "connection.h"
#include "front.h"
#include "front_verdict.h"
#include "recent_prefixes.h"
#include "timers.h"
#include "tls_fault.h"

#define ENG_FRONT_READ_BYTES 16384
#define ENG_FRONT_BATCH 512       /* epoll events taken at once */
#define ENG_FRONT_EVENTS 1024     /* after so many events Python has its turn */
#define ENG_FRONT_STORM 16        /* epoll events in one poll that make it and the next one linger for more, */
#define ENG_FRONT_STORM_NS 500000 /* or, for itself, the time that it took */
#define ENG_FRONT_LATE_MS 1000    /* where a handshake has waited so long to begin, the newest goes first; */
                                  /* where the listener was not emptied for so long, who has left is closed unread */
#define ENG_FRONT_STRANGERS 512   /* told in one turn; the next ones are told as any other CONNECT */
#define ENG_FRONT_READS 8         /* in a turn: who always has bytes ready must not keep the others waiting */
#define ENG_FRONT_LINGER_MS 2
#define ENG_FRONT_PAUSE_NS 150000 /* before the next look, where a storm's last one brought few */
#define ENG_FRONT_TURN_NS 5000000 /* a poll's length, */
#define ENG_FRONT_QUIET_TURN_NS 20000000 /* or, while there is nothing to tell */

/* Rows of the queue, in the order in which they are worked. */
enum eng_front_worth {
    ENG_WORTH_BEGUN,           /* what has cost something already, and holds memory */
    ENG_WORTH_KNOWN_ADDRESS,   /* a handshake to begin, from where a device was accepted over TLS lately */
    ENG_WORTH_STRANGE_ADDRESS, /* any other one */
    ENG_WORTHS,
};

struct eng_front_row {
    uint32_t newest, oldest, count; /* the two are set while there is one */
};

/* CONNECTs of this turn whose devices the table has not. device_ids: each with a line feed behind it. */
struct eng_front_strangers {
    uint64_t connections[ENG_FRONT_STRANGERS];
    uint8_t device_ids[ENG_FRONT_STRANGERS * 64];
    size_t device_ids_len;
    uint32_t count;
};

/* What C makes of a CONNECT: accepted, or Python's to judge; then `good` has the device_id of one that the table does not know
 * (eng_known_good), else NULL. */
struct eng_front_judged {
    int is_known;
    struct eng_known_good good;
    struct eng_front_verdict verdict; /* where it is accepted */
};

/* What a connection in plain TCP begins with, on its way through front_together.c; longer ones are read by themselves. */
#define ENG_FRONT_TOGETHER 32
#define ENG_FRONT_OPENING_BYTES 512
struct eng_front_opening {
    uint64_t connection;
    size_t len;
    int is_claim;
    struct eng_front_question question; /* of a claim */
    struct eng_front_judged judged;
    uint8_t bytes[ENG_FRONT_OPENING_BYTES];
};

struct eng_front {
    struct eng_front_settings settings;
    struct eng_front_network *exempt;
    uint32_t exempt_count;
    struct eng_front_known known; /* table NULL: there is none */
    struct eng_sessions *sessions;
    struct eng_pending *pending;
    struct eng_tls_context *tls;

    int listening, epoll, timer;
    int is_storm, is_listener_armed, asks_always, watches_all, is_stopped, is_polling, is_listener_ready;
    uint64_t timer_ms; /* when the timerfd rings; UINT64_MAX for never */
    uint64_t now_ms;
    uint64_t polled_ns; /* when the poll began */
    uint64_t behind_ms; /* since when there are always more to accept; 0: there are not */
    int64_t now;

    struct eng_connections connections;
    struct eng_timers timers;
    struct eng_prefixes watched;
    uint32_t live;

    /* Work that no event of epoll will bring back: handshakes, and what was read ahead of libssl. Of a row the oldest is
     * done first, but of handshakes to begin the newest under overload: then the oldest have given up already (DESIGN
     * section 6). */
    struct eng_front_row rows[ENG_WORTHS];
    uint32_t queued; /* in all of them */
    uint32_t turns;
    struct eng_recent_prefixes accepted; /* over TLS */

    struct eng_front_event *events;
    uint32_t events_count, events_room;
    uint32_t failures[ENG_FAULT_UNTRUSTED_BALANCER + 1]; /* by fault: the event that tells of it, its number + 1 */
    struct eng_front_counts counts;
    struct eng_front_strangers strangers;
    struct eng_front_opening openings[ENG_FRONT_TOGETHER];
    uint32_t openings_count;
    struct eng_secret_key key; /* of the stamp that was judged last */

    struct epoll_event ready[ENG_FRONT_BATCH];
    uint8_t scratch[ENG_FRONT_READ_BYTES];
    uint8_t answers[ENG_FRONT_READ_BYTES]; /* to the PINGREQs of one read: both are two bytes */
};

/* The number of the listener among the timers, and its name to epoll; the timerfd's name. */
#define ENG_FRONT_LISTENER 0
#define ENG_FRONT_TIMER UINT64_MAX

/* front.c */
uint64_t eng_front_now_ms(void);
/* Never fails: there is room for two events of every connection. */
struct eng_front_event *eng_front_tell(struct eng_front *front, enum eng_front_kind kind, uint32_t slot);
/* After a call from Python: what it led to must not wait for something else to happen. */
void eng_front_settle(struct eng_front *front);
int eng_front_reserve(struct eng_front *front);
ENG_MUST_USE(eng_front_reserve);
/* Close a connection without a word, and forget it. */
void eng_front_forget(struct eng_front *front, uint32_t slot);
/* The same for want of time or room: of a handshake Python is told. */
void eng_front_cut(struct eng_front *front, uint32_t slot);

/* Do this connection's work before the poll ends, if its time allows, else in the next one. */
void eng_front_enqueue(struct eng_front *front, uint32_t slot);
void eng_front_dequeue(struct eng_front *front, uint32_t slot);
/* The next one to work on, which is out of the queue by this; ENG_CONNECTION_NONE where it is empty. */
uint32_t eng_front_take_queued(struct eng_front *front);
ENG_MUST_USE(eng_front_take_queued);

/* front_proxy.c: a connection that must begin with a PROXY header starts; its source may be no balancer, and then it is
 * gone. */
void eng_front_await_header(struct eng_front *front, uint32_t slot);
/* Read the header, as far as it has come; the connection may be gone, shake hands, or begin to speak MQTT. */
void eng_front_read_header(struct eng_front *front, uint32_t slot);
/* What remains when no header comes. */
void eng_front_header_failed(struct eng_front *front, uint32_t slot, uint8_t fault);

/* front_handshake.c: one step of the handshake; the connection may be gone, or begin to speak MQTT. */
void eng_front_handshake(struct eng_front *front, uint32_t slot);
/* The device is accepted: what the handshake has left is not needed any more. */
void eng_front_handshake_proved(struct eng_front *front, uint32_t slot);
/* What remains when a handshake comes to nothing. */
void eng_front_handshake_failed(struct eng_front *front, uint32_t slot, uint8_t fault);

/* front_accept.c */
void eng_front_accept(struct eng_front *front);
void eng_front_listen(struct eng_front *front, int on);
/* The connection is gone where there is no place for it. */
void eng_front_enter_pending(struct eng_front *front, uint32_t slot);
void eng_front_leave_pending(struct eng_front *front, uint32_t slot);
/* The connection has gone longest without progress, and another one needs its place. */
void eng_front_crowd_out(struct eng_front *front, uint32_t slot);
/* Have it wait among the pending for its CONNECT, or the rest of it: 1; 0 where it need not, or is gone. */
int eng_front_await_connect(struct eng_front *front, uint64_t name);
/* Bytes came: to the end of the row. */
void eng_front_progress(struct eng_front *front, uint32_t slot);
/* The connection's address is the peer's, by the header: limits count it by that from now on. 0 where it is shed, because
 * its prefix has its share. */
int eng_front_introduce(struct eng_front *front, uint32_t slot);
ENG_MUST_USE(eng_front_introduce);
/* The IPv6 address that stands for an IPv4 one, of 4 bytes. */
void eng_front_map(uint8_t address[16], const void *ipv4);
int eng_front_is_within(const uint8_t address[16], const struct eng_front_network *networks, uint32_t count);
ENG_MUST_USE(eng_front_is_within);

/* front_together.c: read what a connection begins with, to be answered with others. The connection may be gone. 0 where that is
 * not for here, and nothing was read. */
int eng_front_read_together(struct eng_front *front, uint32_t slot);
ENG_MUST_USE(eng_front_read_together);
void eng_front_answer_together(struct eng_front *front);
/* While event `at` of `count` is worked on, have the cache fetch what the next ones need. */
void eng_front_fetch_ahead(const struct eng_front *front, int at, int count);

/* front_read.c: read what has come, and do what it asks. The connection may be gone after it. */
void eng_front_read(struct eng_front *front, uint32_t slot);
/* The same of what was read and judged with others. */
void eng_front_take_opening(struct eng_front *front, uint32_t slot, const struct eng_front_opening *opening);
/* question: of the connection's CONNECT; NULL: it asks nothing that C could answer. */
void eng_front_decide(struct eng_front *front, const struct eng_connection *connection,
                      const struct eng_front_question *question, struct eng_front_judged *judged);
/* Go on with what is held and was not told to Python. */
void eng_front_resume(struct eng_front *front, uint32_t slot);

/* The CONNECT that Python was told of, and is asked no more about where it is accepted. */
void eng_front_read_again(struct eng_front *front, uint32_t slot);

/* front_strangers.c: 0 where there is no room left in this turn. */
int eng_front_note_stranger(struct eng_front *front, uint32_t slot, const struct eng_known_good *good);
ENG_MUST_USE(eng_front_note_stranger);
void eng_front_forget_strangers(struct eng_front *front);

/* front_stream.c: bytes in and out, through TLS where there is some, never waiting. */
enum eng_stream_answer { ENG_STREAM_GONE = 0, ENG_STREAM_AGAIN = -1, ENG_STREAM_AGAIN_TO_WRITE = -2 };
ssize_t eng_stream_read(const struct eng_connection *connection, uint8_t *data, size_t data_len);
ENG_MUST_USE(eng_stream_read);
/* How many were taken; -1 where the peer is gone. */
ssize_t eng_stream_write(const struct eng_connection *connection, const uint8_t *data, size_t data_len);
ENG_MUST_USE(eng_stream_write);
/* Whether the peer has closed, whatever is still to be read of it. */
int eng_stream_has_left(const struct eng_connection *connection);
ENG_MUST_USE(eng_stream_has_left);
/* Say that nothing more comes, and read what the peer has sent meanwhile. */
void eng_stream_finish(const struct eng_connection *connection);

/* front_write.c: each may close the connection; where it tells, 1 says that it is still there. */
int eng_front_write(struct eng_front *front, uint32_t slot, const uint8_t *data, size_t data_len);
ENG_MUST_USE(eng_front_write);
void eng_front_flush(struct eng_front *front, uint32_t slot);
/* Write, say goodbye, close. */
void eng_front_finish(struct eng_front *front, uint32_t slot, const uint8_t *data, size_t data_len);
/* What epoll is to watch for, by where the connection stands. */
int eng_front_watch_for(struct eng_front *front, uint32_t slot, uint32_t events);
/* A live session starts: the keep-alive runs from now. */
void eng_front_begin(struct eng_front *front, uint32_t slot);
/* When a live session has been silent for too long, unless something comes. */
uint64_t eng_front_silent_until(const struct eng_front *front, const struct eng_connection *connection);
ENG_MUST_USE(eng_front_silent_until);

#endif
