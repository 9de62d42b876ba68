/* Connections not authenticated yet, of every front of a node: how many, how many of an address prefix, and which has gone
 * longest without progress (THREATS 3). listeners/pending.py is the definition; read by C (pending.h) and by cffi (build.py).
 *
 * A place has a name that is never used twice: of one that was left, the functions below do nothing. For one thread.
 */
struct eng_pending;

/* soft, hard: the marks of their number. per_prefix: the share of one prefix. key: 16 random bytes. NULL where memory is
 * short. */
struct eng_pending *eng_pending_open(const uint8_t *key, uint32_t soft, uint32_t hard, uint32_t per_prefix);
void eng_pending_close(struct eng_pending *pending);
uint32_t eng_pending_count(const struct eng_pending *pending);

/* What follows is for Python's connections; the native fronts enter theirs by themselves. */

/* A place; 0 where the prefix has its share already, or none is left. address: 16 bytes, NULL for nobody's share.
 * *dropped: the place of Python's that was left for it, 0 for none; C's own are closed by this. */
uint64_t eng_pending_enter(struct eng_pending *pending, const uint8_t *address, int is_exempt, uint64_t *dropped);

/* Whose it turned out to be. 0 where that prefix has its share already: then the place is left. */
int eng_pending_rename(struct eng_pending *pending, uint64_t name, const uint8_t *address, int is_exempt);
void eng_pending_progress(struct eng_pending *pending, uint64_t name);
void eng_pending_leave(struct eng_pending *pending, uint64_t name);
