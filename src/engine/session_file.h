/* What the session_*.c share: the open session, and its state as text.  Not for
 * others. */
#ifndef ENGINE_SESSION_FILE_H
#define ENGINE_SESSION_FILE_H

#include "engine/session.h"

/* A file that only grows.  What is kept counts; what a crash left behind it is
 * cut off before the next writing. */
struct growing {
    int fd;             /* -1: not open */
    long long kept;     /* bytes that the state vouches for */
    struct str pending; /* to be written behind them */
};

struct session {
    char *folder; /* NULL: not made yet */
    int lock;     /* descriptor, -1 */
    struct growing journal, curve;
    int curve_stages;         /* stages whose points are in it, or pending */
    unsigned long commands;   /* recorded ones that have ended */
    bool failing;             /* the last writing failed, and that was said */
    bool hopeless;            /* no folder could be made */
    bool rest;                /* the state holds commands still to run */
    struct net *checkpoint;   /* found by session_resume; owned */
    uint64_t checkpoint_step; /* of that training */
    int checkpoint_round;
    struct str checkpoint_course; /* loss sums and points, as text */
};

struct session *session_alloc(void);
/* Where the user's sessions are. */
enum err_code session_user_folder(struct str *out, struct err *err) MUST_CHECK;
bool session_exists(const char *folder);
/* Locks the folder of b->session and opens its files. */
enum err_code session_set_up(struct bench *b, struct err *err) MUST_CHECK;

/* The whole state, as text.  True when it holds commands still to run. */
bool state_write(const struct bench *b, long long journal, long long curve,
                 struct str *out);
/* Fills a fresh bench; data and the current net are opened by the caller. */
struct state_read {
    long long journal, curve;
    char *data; /* path, or NULL; owned */
    int validation;
    uint64_t data_seed;
    int current;
    struct str pending; /* commands to run: the interrupted one first */
    bool interrupted;
};
enum err_code state_parse(struct bench *b, const char *text,
                          struct state_read *out, struct err *err) MUST_CHECK;
void state_read_done(struct state_read *s);

#endif
