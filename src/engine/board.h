/*
 * The notice board between the job thread and the screen.  The job thread
 * publishes whole immutable sheets of plain values; the screen takes the newest
 * of each kind when it draws.  Nobody waits for anybody: publishing swaps a
 * pointer under a short lock.
 * Ownership: a sheet is reference counted; board_take returns one reference,
 * sheet_drop gives it back.  A taken sheet never changes.
 * Threads: publish from the job thread, take from any.
 */
#ifndef ENGINE_BOARD_H
#define ENGINE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sheet_kind {
    SHEET_STATUS,  /* struct status_sheet */
    SHEET_LAYERS,  /* struct layers_sheet */
    SHEET_CURVE,   /* struct curve_sheet */
    SHEET_LAYER,   /* struct layer_sheet: the one asked for */
    SHEET_BOOK,    /* struct book_sheet: likewise */
    SHEET_HISTORY, /* struct history_sheet */
    SHEET_COMPARE, /* struct compare_sheet: two marked nodes */
    SHEET_DATA,    /* struct data_sheet: pictures asked for, confusion */
    SHEET_EXITS,   /* struct exits_sheet */
    SHEET_LOG,     /* struct log_sheet */
    SHEET_TIMING,  /* struct timing_sheet: the last `timing` */
    SHEET_LEDGER,  /* struct ledger_sheet: the last `ledger` or `pack` */
    SHEET_COUNT
};

/* First member of every sheet. */
struct sheet {
    enum sheet_kind kind;
    unsigned long serial; /* grows with every publish of this kind */
    void *memory;         /* private: arena of the sheet and its arrays */
};

enum job_state { JOB_IDLE, JOB_RUNNING, JOB_PAUSED, JOB_STOPPING };

#define NAME_SIZE 64
#define TEXT_SIZE 160

struct status_sheet {
    struct sheet sheet;
    bool has_net, has_data;
    char net[NAME_SIZE], data[NAME_SIZE];
    int stage;                  /* history node shown */
    char stage_text[TEXT_SIZE]; /* "pruned 20 %, fine-tuned 1 epoch" */
    enum job_state job;
    char job_text[TEXT_SIZE]; /* the command that runs, or "" */
    int waiting;              /* commands that wait for it to end: */
    char waits_first[TEXT_SIZE], waits_last[TEXT_SIZE];
    char phase[NAME_SIZE]; /* "fine-tune", "prune", "evaluate" */
    double progress;       /* 0..1 of the whole command; <0 unknown */
    double eta_seconds;    /* <0 unknown */
    double samples_per_second;
    double accuracy;        /* validation, 0..1; <0 unknown */
    double accuracy_change; /* against the parent stage; NAN unknown */
    double accuracy_low, accuracy_high; /* 95 % interval */
    double dense_accuracy; /* of the root of this tree; <0 unknown */
    double sparsity;       /* of prunable weights, 0..1 */
    long long weights, weights_alive;
    double packed;      /* bytes of the stage as a packed file; <0 unknown */
    double dense_bytes; /* as floats; <0 unknown */
    double macs, macs_alive;
    double lr, loss;
    uint64_t step;   /* training steps so far in this tree path */
    long long leaks; /* 0 good; >0: the lamp is red */
    int threads;
    uint64_t seed;
    char session[TEXT_SIZE]; /* folder, or "" */
    bool test_read;          /* was the test set read in this session */
    double test_accuracy;    /* of the last `eval test`; <0 none */
    /* Lesson being played; text is what it says now. */
    bool lesson;
    char lesson_title[TEXT_SIZE];
    int lesson_step, lesson_steps;
    char lesson_text[1024];
    bool lesson_waits; /* Space or Enter goes on */
    /* The last `show VIEW`; the screen obeys when the number has grown. */
    char show[16];
    unsigned long show_count;
    bool quit; /* `quit` was given */
};

struct layer_row {
    char name[NAME_SIZE], kind[NAME_SIZE]; /* "dense relu" */
    char shape[NAME_SIZE];                 /* of the output: "24x24x20" */
    char kernel[NAME_SIZE];                /* "5x5x1x20", "784x300", or "" */
    char range[NAME_SIZE];                 /* that it rounds, "0..6.93" */
    long long weights, alive;              /* prunable weights; 0 for others */
    long long params;                      /* with biases and gains */
    double bytes;                          /* dense float32 bytes of params */
    double macs, macs_share;               /* one sample; share of the net's */
    double density;   /* alive / weights; 1 without weights */
    double threshold; /* largest pruned |w| so far; 0 none */
    int bits;         /* a code of its weights, or a value that it rounds; 32:
                         floats; 0: none, total */
};
struct layers_sheet {
    struct sheet sheet;
    int count;
    const struct layer_row *row;
    struct layer_row total;
};

struct curve_point {
    double step;     /* training steps along the path to this stage */
    double loss;     /* running mean of the training loss; NAN none */
    double accuracy; /* validation; NAN none at this point */
};
struct curve_event {
    double step;
    char label[24]; /* "-20%" */
    double sparsity;
};
struct curve_sheet {
    struct sheet sheet;
    int count;
    const struct curve_point *point;
    int event_count;
    const struct curve_event *event;
    double dense_accuracy; /* reference line; <0 none */
    double steps_per_epoch;
};

#define HIST_BINS 128
struct layer_sheet {
    struct sheet sheet;
    char name[NAME_SIZE], kind[NAME_SIZE], kernel[NAME_SIZE];
    int index, count; /* among layers with weights */
    long long weights, alive;
    double mean, std, least, most; /* of the alive */
    /* Histogram of alive weights over [-range, range]; zeros apart. */
    double range;
    int64_t bins[HIST_BINS];
    int64_t zeros;
    double threshold; /* |w| below which the next prune (20 % of survivors)
                         would take */
    /* Weight matrix, block means of |w| where alive: (map_rows, map_cols),
     * -1 where every weight of the block is pruned. kernels (I) by units (K);
     * for convolutions filters are tiled: tile_h x tile_w per filter. */
    int map_rows, map_cols, tile_h, tile_w;
    const float *map;
    double map_most;
    /* First layer on pictures only: surviving weights per input pixel. */
    int pixel_h, pixel_w;
    const float *pixel; /* share alive, 0..1; NULL otherwise */
    /* Units: share of validation samples (times positions) on which the output
     * after its activation is not zero; NAN unknown. */
    int units, dead_units; /* dead: never active */
    const float *activity; /* units; NULL unknown */
    int silent_inputs;     /* units all of whose outgoing weights are pruned */
};

/* A shared value. */
struct book_value {
    double value, start; /* start: before the training that made it so */
    long long members;   /* 0: dead */
    int length;          /* of its Huffman code; 0: dead */
};
/* What sharing the weights as they are with that many bits would come to. */
struct book_try {
    int bits, k;
    double error; /* root mean square of the changes */
    double bytes; /* of codes, their table and the values */
};
#define BOOK_TRIES 8 /* 1 to 8 bits */
struct book_sheet {
    struct sheet sheet;
    char name[NAME_SIZE], kind[NAME_SIZE], kernel[NAME_SIZE];
    int index, count; /* among layers with weights */
    long long weights, alive;
    /* Histogram of alive weights over [-range, range], of those before they
     * were shared where that stage is at hand; zeros apart. */
    double range;
    int64_t bins[HIST_BINS];
    int64_t zeros;
    bool before;          /* the histogram is that of an earlier stage */
    char grid[NAME_SIZE]; /* "symmetric, 4 bits, 300 scales", or "" */
    int value_count;      /* 0: not shared */
    const struct book_value *value; /* in order of number */
    int dead;
    bool group;     /* other layers have the same codebook */
    double fixed;   /* bits a weight: all codes equally long; */
    double huffman; /* with codes by how often they are used; */
    double entropy; /* the least possible for independent codes */
    double bytes;   /* of codes, their table and the values */
    double error;   /* root mean square against `before`; NAN unknown */
    int try_count;  /* 0: too many weights to try */
    struct book_try tries[BOOK_TRIES];
};

struct history_row {
    int id, parent;       /* parent -1: root */
    int depth, lane;      /* for drawing: column of the branch */
    char name[NAME_SIZE]; /* mark or branch name, or "" */
    char text[TEXT_SIZE]; /* "prune 20%  finetune 1 epoch" */
    double sparsity;
    double accuracy_before; /* after pruning, before fine-tuning; <0 none */
    double accuracy;        /* <0 unknown */
    double packed;          /* bytes of its packed file; <0 not counted yet */
    double macs_alive;
    uint64_t step;
    bool current, on_path;
};
struct history_sheet {
    struct sheet sheet;
    int count;
    const struct history_row *row; /* depth-first, children after parents */
    int undo_id, redo_id;          /* -1: none */
};

struct compare_row {
    char name[NAME_SIZE];
    long long weights, weights_b; /* of a and b; 0: the net has no such layer */
    long long alive_a, alive_b;
    bool same;       /* shape; else the two below are unknown */
    long long both;  /* alive in both */
    double distance; /* L2 of the difference over L2 of a */
};
struct compare_sheet {
    struct sheet sheet;
    int a, b;
    char text_a[TEXT_SIZE], text_b[TEXT_SIZE];
    double accuracy_a, accuracy_b, sparsity_a, sparsity_b;
    int only_a, only_b; /* validation samples only one gets right; <0 unknown */
    double mcnemar;     /* over 3.84: significant at 5 % */
    int count;
    const struct compare_row *row;
};

struct picture {
    int index;        /* in its set */
    int label, guess; /* guess -1 unknown */
    float confidence;
    const uint8_t *pixel; /* (h,w,c) 0..255 */
};
struct data_sheet {
    struct sheet sheet;
    char set[16];    /* "validation", "train", "test" */
    char filter[48]; /* "all", "wrong", "class 3" */
    int h, w, c;
    int count, first, total; /* pictures here, index of the first, of all */
    const struct picture *picture;
    int classes;
    const char (*class_name)[NAME_SIZE];
    const int32_t *confusion; /* (classes, classes) [label][guess]; NULL */
    int train_n, validation_n, test_n;
    char origin[TEXT_SIZE];
};

/* One threshold for all exits, and what comes of it. */
struct exits_point {
    double threshold, accuracy;
    double cost; /* mean products */
    double ms;   /* mean measured milliseconds; NAN unknown */
};
struct exits_row {
    char name[NAME_SIZE];
    double cost;     /* products of those that leave there, heads included */
    double ms;       /* measured one sample at a time; NAN unknown */
    double accuracy; /* asked alone */
    double ece, temperature;
    double threshold; /* in force; infinite or, falling, 0: never */
};
#define EXITS_MOST    16
#define EXITS_BINS    15
#define EXITS_PICTURE 8 /* pictures of each kind */
struct exits_picture {
    int label, exits;
    int guess[EXITS_MOST];        /* of each exit */
    float confidence[EXITS_MOST]; /* of that guess */
    const uint8_t *pixel;         /* (h,w,c) 0..255 */
};
struct exits_sheet {
    struct sheet sheet;
    int stage; /* history node shown */
    int exits; /* less than 2: nothing else is filled in but the ladder */
    struct exits_row row[EXITS_MOST];
    double alone;    /* products of the last exit alone */
    double alone_ms; /* NAN unknown */
    char by[16];
    bool falling; /* leave below the threshold */
    /* Validation samples; `subset` while a net is trained. */
    int samples, classes;
    bool subset, is_training;
    const float *score;   /* (exits, samples): how sure */
    const int32_t *guess; /* (exits, samples) */
    const int32_t *label; /* samples */
    const char (*class_name)[NAME_SIZE];
    int point_count; /* from nobody leaving early to all at the first exit */
    const struct exits_point *point;
    double cumulative, wasteful, destructive, oracle_cost;
    /* Reliability of each exit: bins of confidence, means; empty: NAN. */
    double bin_confidence[EXITS_MOST][EXITS_BINS];
    double bin_accuracy[EXITS_MOST][EXITS_BINS];
    /* Measured under the rule in force, one sample at a time; NAN unknown. */
    double measured_ms, measured_cost, measured_accuracy;
    /* The curve where `exits` was asked before, at another stage. */
    char before_name[NAME_SIZE];
    int before_count;
    const struct exits_point *before;
    /* Separate nets in order of cost, and their cascade. */
    int ladder_count;
    char ladder_name[EXITS_MOST][NAME_SIZE];
    double ladder_alone[EXITS_MOST], ladder_accuracy[EXITS_MOST];
    int ladder_point_count;
    const struct exits_point *ladder_point;
    /* Surest at once, least sure anywhere, right early but wrong at the last.
     */
    int h, w, c;
    int easy_count, hard_count, lost_count, lost_total;
    const struct exits_picture *easy, *hard, *lost;
};

enum log_kind {
    LOG_COMMAND,
    LOG_RESULT,
    LOG_NOTE,
    LOG_ERROR,
    LOG_SAY,
    LOG_ASIDE /* a note that answers nobody: for the log alone */
};
struct log_entry {
    enum log_kind kind;
    double seconds; /* since the start */
    const char *text;
};
struct log_sheet {
    struct sheet sheet;
    int count;
    const struct log_entry *entry; /* the last thousand or so */
    long long first;               /* number of entry[0] since the start */
};

/* Forms of a layer's matrix that `timing` measures, in the order of
 * compress/timing.h. */
enum { TIMING_SHEET_FORMS = 5 };
struct timing_row {
    double sparsity; /* 0..1 */
    /* Seconds of one thread for the batch: median and quartiles; NAN not
     * measured yet. */
    double low[TIMING_SHEET_FORMS], median[TIMING_SHEET_FORMS],
        high[TIMING_SHEET_FORMS];
    double bytes[TIMING_SHEET_FORMS]; /* of the matrix in memory */
    int small_in, small_out;          /* of the smaller layer */
};
struct timing_batch {
    int samples; /* at once */
    /* Sparsity from which on the form is faster than the dense one, see
     * timing_break_even; NAN never, or not all is measured yet. */
    double break_even[TIMING_SHEET_FORMS];
    const struct timing_row *row; /* (level_count), ascending sparsity */
};
struct timing_sheet {
    struct sheet sheet;
    char layer[NAME_SIZE], kernel[NAME_SIZE]; /* "fc1", "784x300" */
    char kernels[16];                         /* "avx2": what ours runs on */
    int stage;                                /* it was measured at */
    int runs;                                 /* samples of each time */
    int done, all;                            /* rows measured, of how many */
    char form[TIMING_SHEET_FORMS][16];
    int level_count, batch_count;
    const struct timing_batch *batch;
};

/* Where the bytes of the packed net are. */
struct ledger_row {
    char layer[NAME_SIZE], array[NAME_SIZE]; /* "fc1", "kernel" */
    char method[48];                         /* "context, full" */
    long long weights, alive;
    double places, values, codebook, tables; /* bytes */
    double bytes;                            /* of these together */
    double bits;                             /* of the file for a weight */
    double bound; /* entropy of codes at random places; NAN unknown */
};
struct ledger_step { /* a stage on the way to this one */
    int stage;
    char text[TEXT_SIZE];
    double bytes;    /* packed */
    double accuracy; /* validation; <0 unknown */
    double sparsity;
};
struct ledger_way { /* the net as it is, stored otherwise */
    char name[NAME_SIZE];
    double bytes;
};
struct ledger_sheet {
    struct sheet sheet;
    int stage;
    int count;
    const struct ledger_row *row;
    struct ledger_row total;     /* of all arrays */
    double architecture, header; /* bytes */
    double file;                 /* bytes of the packed file */
    double dense;                /* float32 */
    /* Sparsity from which on floats take less stored sparsely than densely:
     * rows with columns of 4 bytes, of 2 bytes, a bitmap. */
    double pays_rows, pays_short_rows, pays_bitmap;
    int way_count;
    const struct ledger_way *way; /* dense first, the packed file last */
    int step_count;
    const struct ledger_step *step; /* oldest first, this stage last */
};

/* What the screen would like to see; written by the screen, read by the job
 * thread between mini-batches and when idle. */
struct board_wish {
    char layer[NAME_SIZE]; /* for SHEET_LAYER; "" first with weights */
    bool want_layer, want_activity, want_data, want_exits, want_book;
    char book[NAME_SIZE]; /* layer for SHEET_BOOK; "" first with weights */
    char set[16], filter[48];
    int first, count; /* pictures */
};

struct board;
/* NULL when the system has no more descriptors. */
struct board *board_new(void);
void board_free(struct board *b);

/* The newest sheet of that kind, or NULL; give back with sheet_drop. */
const void *board_take(struct board *b, enum sheet_kind kind);
void sheet_drop(const void *sheet);

/* Serial of the newest, without taking it: has it changed? */
unsigned long board_serial(struct board *b, enum sheet_kind kind);

void board_set_wish(struct board *b, const struct board_wish *wish);
/* Grows with every set_wish that changed something. */
unsigned long board_get_wish(struct board *b, struct board_wish *out);

/* The wish's reader is told of every change, on the thread that set it. */
void board_on_wish(struct board *b, void (*tell)(void *arg), void *arg);

/* A descriptor readable when something was published since board_rest. */
int board_fd(struct board *b);
void board_rest(struct board *b);

/* Job thread: a zeroed sheet of that kind, dropped like a taken one if it is
 * not published; arrays out of its arena live as
 * long as the sheet.  board_publish takes it. */
void *sheet_new(enum sheet_kind kind);
void *sheet_array(void *sheet, size_t n, size_t size);
void board_publish(struct board *b, void *sheet);

#endif
