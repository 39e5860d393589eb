/*
 * Networks as Keras writes them, in stages: a source (the architecture's JSON
 * and the file with the weights), a flat graph of layer calls, a net, values.
 * Nets here have channels last; a file with channels first, as Theano liked
 * them, is turned while it is read.
 * Config keys decide, not version numbers: files mix them.  Names come from
 * files and may be anything; they are made safe only where they are shown.
 */
#ifndef IO_KERAS_H
#define IO_KERAS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/str.h"
#include "io/h5.h"
#include "net/net.h"

/* ---- source */

struct keras_source {
    const char *path; /* borrowed */
    json_t *model; /* {"class_name": …, "config": …}; NULL: weights only */
    char *config_text; /* NULL when it came from elsewhere */
    hid_t file, root;  /* root: the group below which layers are */
    int version;       /* 1, 2, 3 */
    bool theano;       /* kernels are turned round, as convolutions want them */
    bool by_vars;      /* arrays lie where Keras 3 puts them in .keras */
    double optimizer;  /* bytes of optimiser state; 0: none */
    struct str notes;  /* lines for the user on what was read as what */
};

/* model (may be NULL) is a file with the architecture, for weights without; it
 * is also looked for beside them.  On failure s holds nothing. */
enum err_code keras_open(const char *path, const char *model,
                         struct keras_source *s, struct err *err) MUST_CHECK;
void keras_close(struct keras_source *s);

/* ---- JSON */

/* Python's JSON: Infinity is read as null, NaN as 0.  what names it. */
json_t *keras_json(const char *text, size_t n, const char *what,
                   struct err *err) MUST_CHECK;
/* Text of a key, or NULL. */
const char *keras_text(const json_t *o, const char *key);
/* A name that may stand as text or as {"class_name": …}. */
const char *keras_name(const json_t *o, const char *key);
/* One number; false when it is something else. */
bool keras_number(const json_t *v, double *out);
/* Compact text of v for a message, at most `size` bytes; returns buf. */
const char *keras_show(const json_t *v, char *buf, size_t size);

/* ---- graph */

struct keras_layer {
    char *name;           /* unique in the graph: "mobilenet/conv1" */
    const char *own_name; /* in its own model; borrowed from the JSON */
    const char *class;    /* as the file has it */
    const json_t *config; /* borrowed */
    int in_count;
    int in[LAYER_INPUT_MAX]; /* numbers of layers */
    const char *group;       /* top-level layer whose group has its arrays */
    bool nested;             /* own_name is not group */
    char *vars;              /* "layers/conv2d_1", of a source by_vars */
    bool needed;             /* leads to an output */
    bool again;              /* not the first call of its layer */
};

struct keras_graph {
    struct keras_layer *layer; /* inputs stand before their users */
    int count;
    int output_count;
    int output[NET_OUTPUT_MAX];
};

/* Layer 0 is the input.  s must outlive the graph. */
enum err_code keras_flatten(const struct keras_source *s,
                            struct keras_graph *out,
                            struct err *err) MUST_CHECK;
void keras_graph_done(struct keras_graph *g);
bool keras_has_layer(const struct keras_graph *g, const char *name);

/* ---- layers */

#define KERAS_STEP_MAX 2

/* A layer in words of the kinds there are: one step, or two in a row. */
struct keras_step {
    const char *class; /* of today */
    const char *role;  /* what is put behind the layer's name, or NULL */
    json_t *config;
};
struct keras_steps {
    int count;
    struct keras_step step[KERAS_STEP_MAX];
    bool replaced; /* the file has another class */
};
/* lines: (L,C) stands as (1,L,C) in this net, see keras_is_line. */
void keras_steps_of(const struct keras_layer *l, bool lines,
                    struct keras_steps *out);
void keras_steps_done(struct keras_steps *s);
/* True for classes of today that become others. */
bool keras_is_replaced(const char *class);
/* True for layers over a line of vectors (L,C), such as Conv1D. */
bool keras_is_line(const char *class);

/* Refuses l: "layer "x" (Class): why"; returns err's code. */
enum err_code keras_refuse(const struct keras_layer *l, const char *why,
                           struct err *err);
/* True for layers that have a kind, or become layers that have. */
bool keras_knows(const char *class);
/* The kind of a step and its attributes; config has LAYER_CONFIG_MAX bytes. */
enum err_code keras_kind_of(const struct keras_source *s,
                            const struct keras_layer *l,
                            const struct keras_step *step,
                            const struct layer_kind **kind, void *config,
                            struct err *err) MUST_CHECK;
/* The function that a config names under "activation"; *kind is NULL for the
 * identity. */
enum err_code keras_function_of(const struct keras_source *s,
                                const struct keras_layer *l,
                                const json_t *in_config,
                                const struct layer_kind **kind, void *config,
                                struct err *err) MUST_CHECK;
bool keras_channels_first(const json_t *config);

/* What takes the arrays of a layer, one node after the other. */
struct keras_take {
    int count;
    int node[KERAS_STEP_MAX];
    bool turned;       /* kernels of Theano, to be rotated by 180 degrees */
    bool planes;       /* kernels stored (out,in,h,w) */
    struct shape from; /* of rank 3: rows are a picture (H,W,C) that the file
                          counts as (C,H,W) */
};

/* Builds the net without values.  shape (may be NULL) serves where the file
 * does not say its input's.  (*takes)[i] is for layer i (mem_free). */
enum err_code keras_build(struct keras_source *s, const struct keras_graph *g,
                          const char *name, const struct shape *shape,
                          struct net **out, struct keras_take **takes,
                          struct err *err) MUST_CHECK;

/* The class of that name in today's spelling: Convolution2D is Conv2D. */
const char *keras_class(const char *name);
/* A kind's attributes from a layer's config, whichever Keras wrote it. */
enum err_code keras_read_attrs(const struct layer_kind *kind,
                               const json_t *config, void *attrs,
                               struct err *err) MUST_CHECK;
/* Sets them in a config as Keras 2 has them. */
void keras_write_attrs(const struct layer_kind *kind, const void *attrs,
                       json_t *config);

/* ---- weights */

/* Reads the arrays of every layer, by name or else by order. */
enum err_code keras_read_weights(struct keras_source *s,
                                 const struct keras_graph *g,
                                 const struct keras_take *takes,
                                 struct net *net, struct err *err) MUST_CHECK;
/* Reads node's arrays from the group of that name below s->root. */
enum err_code keras_read_node(const struct keras_source *s, const char *group,
                              struct node *node, struct err *err) MUST_CHECK;
/* Weights without an architecture into net, layer by layer in Keras' order;
 * refused where a shape differs. */
enum err_code keras_adopt(const struct keras_source *s, struct net *net,
                          struct err *err) MUST_CHECK;
/* Reads group/name into p->count values of type. */
enum err_code keras_read_array(hid_t group, const char *name,
                               const struct param *p, hid_t type, void *to,
                               struct err *err) MUST_CHECK;

/* ---- our own group, and the architecture as JSON */

#define KERAS_OWN_GROUP "espalier"
#define KERAS_NOTE      "note"
#define KERAS_SPEC      "spec"
#define KERAS_CONFIG    "written_config"
#define KERAS_RANGES    "ranges" /* of layers that round: no weights to Keras */

/* Layer names as Keras accepts them, one a node (mem_free each and the
 * list): unique, without slashes. */
char **keras_names_of(const struct net *net);
void keras_names_free(const struct net *net, char **names);

/* True for an activation that is written as an argument of its layer: a folded
 * one whose name alone says all.  Keras' leaky_relu has another slope as an
 * argument than as a layer. */
bool keras_is_argument(const struct node *n);

/*
 * Keras gives weights to layers by position, and sorts a model's layers by
 * depth, of equal depth as a walk from the outputs meets them first; so files
 * have to list them in that order.  Returns new: the numbers of all nodes.
 */
int *keras_order_of(const struct net *net);

/* {"class_name": …} of net; new. */
json_t *keras_model_of(const struct net *net, char *const *names);

#endif
