/*
 * The tree of stages: every net that was opened and every state that a command
 * made of it.  A stage is numbered in the order of making and never changes or
 * goes away; "current" is the one the working net is at.
 * Memory: a stage holds a copy of its net (values and masks; moments are the
 * business of a running training only).  Past a limit the copies longest unused
 * are dropped: they lie in the session's files, or else in a temporary folder,
 * and are read again on demand.  A net that passes the limit by itself is
 * large: its stages have no copies in memory, the working net is its only one.
 * Threads: the job thread only.
 */
#ifndef ENGINE_STAGES_H
#define ENGINE_STAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "engine/board.h"
#include "net/net.h"
#include "net/size.h"
#include "train/eval.h"

/* What a pass over the validation set told; n 0: nothing is known. */
struct score {
    int n, hits;
    double loss;
    int exits; /* outputs, of which hits are the last one's; 0: unknown */
    int exit_hits[NET_OUTPUT_MAX];
};

struct stage {
    int id, parent;   /* parent -1: a net that was opened */
    int last_child;   /* where redo goes; -1 none */
    char *text;       /* what made it: "prune 20%  finetune 1 epoch" */
    char *branch;     /* named line of work it belongs to, or NULL */
    uint64_t step;    /* training steps on the path from the root */
    int prunes;       /* prunings on that path */
    uint64_t stopped; /* stopped by the user after this step of its training;
                         0: it was not */
    int data;         /* number of the data set the scores belong to */
    struct score before, after; /* before: pruned, not yet fine-tuned */
    struct size_count size;
    /* Per node of the net: the largest |w| pruned so far; owned. */
    float *threshold;
    int threshold_count;
    /* Course of its training; owned. */
    int point_count;
    struct curve_point *point;
    int64_t file_bytes; /* of its file in the session; 0: none yet */
    int64_t packed;     /* bytes when packed; 0: not counted yet */
    int64_t written;    /* of the last file `pack` made of it; 0: none */
    struct net *net;    /* NULL: only in the file */
    uint64_t used;      /* when it was last wanted */
};

struct mark {
    char *name;
    int stage;
};

struct stages {
    int count;
    struct stage **stage; /* stage[id] */
    int current;          /* -1: nothing is open */
    int mark_count;
    struct mark *mark;
    char *next_branch; /* name for what is made next, or NULL */
    char *folder;      /* of stage files, or NULL */
    bool temporary;    /* the folder is our own and goes away with us */
    size_t limit;      /* bytes of copies to hold */
    uint64_t clock;
    /* The working net while it is that of a large stage, which the session has
     * still to write; NULL: none. */
    const struct net *lent;
    int lent_to;
};

struct stages *stages_new(void);
void stages_free(struct stages *h);

/* A new stage under parent, not yet current; takes net, copies text.  step,
 * prunes, thresholds, branch are those of the parent. */
struct stage *stages_add(struct stages *h, int parent, const char *text,
                         struct net *net);
/* Whether net is large. */
bool stages_is_large(const struct stages *h, const struct net *net);
bool stages_is_large_at(const struct stages *h, int id);
/* The same for a large net, which stays the caller's: it is written to a
 * temporary folder at once, or lent until the session has written it.  NULL
 * when it cannot be written. */
struct stage *stages_add_large(struct stages *h, int parent, const char *text,
                               const struct net *net,
                               const struct progress *progress,
                               struct err *err) MUST_CHECK;
/* The working net is not that of the stage any more. */
void stages_take_back(struct stages *h);
/* What the session is to write of a stage; NULL: nothing is left of it. */
const struct net *stages_unwritten(const struct stages *h, int id);
/* The stage's net as a new one, read from its file. */
enum err_code stages_load(struct stages *h, int id, struct net **out,
                          const struct progress *progress,
                          struct err *err) MUST_CHECK;
/* Makes id current; undo and redo follow from it. */
void stages_go(struct stages *h, int id);
struct stage *stages_current(const struct stages *h);
/* NULL when there is none of that number. */
struct stage *stages_at(const struct stages *h, int id);

/* -1 when there is nowhere to go. */
int stages_undo(const struct stages *h);
int stages_redo(const struct stages *h);
/* The nearest stage at or above id whose weights are all alive; else the
 * root of its tree. */
int stages_dense(const struct stages *h, int id);

/* A number, a mark, a branch (its newest stage), or "dense". */
enum err_code stages_find(const struct stages *h, const char *name, int *id,
                          struct err *err) MUST_CHECK;
/* Checks a new name for a mark or branch. */
enum err_code stages_name(const struct stages *h, const char *name,
                          struct err *err) MUST_CHECK;
/* Names stage id; the name moves when it was another's. */
void stages_mark(struct stages *h, const char *name, int id);
/* Names of a stage, "a, b", or "". */
void stages_names(const struct stages *h, int id, struct str *out);

/* The stage's net, read from its file when it was dropped; borrowed until the
 * next call. */
enum err_code stages_net(struct stages *h, int id, const struct net **out,
                         struct err *err) MUST_CHECK;
/* Path of a stage's file in the folder. */
void stages_path(const struct stages *h, int id, struct str *out);
/* Stage files are from now on in the session's folder; copies. */
enum err_code stages_set_folder(struct stages *h, const char *folder,
                                struct err *err) MUST_CHECK;

struct score score_of(const struct evaluation *e);
double score_accuracy(const struct score *s); /* <0 unknown */
/* Of exit `at`, asked alone; <0 unknown. */
double score_exit(const struct score *s, int at);

/* The tree for the screen. */
struct history_sheet *stages_sheet(const struct stages *h, int data);

#endif
