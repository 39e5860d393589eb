/* The architecture as text: characters by what stood before them, by a coder
 * that has read a page of specs before. */
#include "compress/guess.h"
#include "compress/pack_array.h"

#define ORDERS 5
#define TABLE  16384

/* Part of the format: a change of this text is another version. */
static const char page[] =
    "input 32x32x3\nzero_padding2d 1\nconv2d 64 3x3 padding=same use_bias=no "
    "name=conv1\nbatch_norm name=bn1\nrelu name=relu1\n"
    "depthwise_conv2d 3x3 strides=2 padding=same name=dw1\nrelu6\n"
    "average_pool2d 2\nadd name=add2 from=bn2b,relu1\nconcat from=a,b\n"
    "global_average_pool2d\nreshape 7x7x64\ndropout 0.5\nleaky_relu 0.2\n"
    "elu\nsigmoid\nhard_sigmoid\ntanh\nswish\noutput exit1 fc3\n"
    "conv2d 128 3x3 padding=same name=conv2 relu\nmax_pool2d 2 name=pool1\n"
    "conv2d 256 1x1 strides=2 use_bias=no name=conv3a\n"
    "dense 256 name=fc1 relu\ndense 4096 name=dense_1 relu\n"
    "dense 10 name=dense softmax\nsoftmax name=activation_1\n"
    "input 28x28x1\nconv2d 20 5x5 name=conv1\nmax_pool2d 2 name=pool1\n"
    "conv2d 50 5x5 name=conv2\nmax_pool2d 2 name=pool2\nflatten\n"
    "dense 500 name=fc1 relu\ndense 10 name=fc2 softmax\n"
    "input 28x28x1\nflatten\ndense 300 name=fc1 relu\n"
    "dense 100 name=fc2 relu\ndense 10 name=fc3 softmax\n";

struct text_model {
    struct guess guess;
    struct pace pace;
    struct counter table[ORDERS][TABLE];
    uint32_t seen;  /* the last four characters */
    uint32_t line;  /* hash of the line so far */
    uint32_t match; /* and of the first word with what stands before */
};

static unsigned text_char(struct text_model *m, struct range *r, unsigned c)
{
    uint32_t context[ORDERS] = {m->seen & 0xff, m->seen & 0xffff,
                                m->seen & 0xffffff, m->line,
                                m->match * 31 + (m->seen & 0xffff)};
    unsigned node = 1;
    int i, k;

    for (i = 7; i >= 0; i--) {
        for (k = 0; k < ORDERS; k++) {
            uint32_t at = (context[k] + (uint32_t)k) * 0x9e3779b1u;

            at = (at ^ (at >> 15) ^ node * 0x2545f491u) * 0x85ebca6bu;
            guess_ask(&m->guess, &m->table[k][at >> 18], &m->pace);
        }
        node =
            2 * node + guess_bit(&m->guess, r, node == 1, ORDERS, (c >> i) & 1);
    }
    c = node & 0xff;
    m->seen = m->seen << 8 | c;
    m->line = c == '\n' ? 0 : (m->line + c + 1) * 0x2f0b4c47u;
    if (c == '\n')
        m->match = 0;
    else if (c == ' ' && m->match == 0)
        m->match = m->line;
    return c;
}

static void text_start(struct text_model *m)
{
    struct range page_range;
    const char *p;
    int k, i;

    pace_set(&m->pace, 1.3, 30);
    guess_start(&m->guess, ORDERS, 14);
    for (k = 0; k < ORDERS; k++)
        for (i = 0; i < TABLE; i++)
            counter_set(&m->table[k][i], RANGE_HALF);
    range_start_writing(&page_range);
    for (p = page; *p != '\0'; p++)
        text_char(m, &page_range, (unsigned char)*p);
    text_char(m, &page_range, 0);
    bytes_done(&page_range.out);
    m->seen = m->line = m->match = 0;
}

enum err_code pack_text(struct range *r, const char *text, struct str *out,
                        size_t most, struct err *err)
{
    struct text_model *m = mem_block(sizeof(*m), "a model of text", err);
    size_t n = 0;
    unsigned c;

    if (m == NULL)
        return err->code;
    text_start(m);
    do {
        c = text_char(m, r, r->writes ? (unsigned char)text[n] : 0u);
        if (!r->writes && c != 0)
            str_add_bytes(out, &(const char){(char)c}, 1);
        n++;
    } while (c != 0 && n <= most);
    mem_block_free(m);
    if (c != 0)
        return err_set(err, ERR_FORMAT,
                       "its architecture is longer than %zu bytes", most);
    return ERR_OK;
}
