/*
 * The file: mark, version, length of the stream, the stream (architecture,
 * then each array), the blocks, a checksum of all before it.
 */
#include "compress/pack.h"

#include <zlib.h>

#include "compress/pack_array.h"
#include "net/fake.h"
#include "net/spec.h"

#define VERSION     2 /* 1 knew no strips; all else is the same */
#define CHECK_BYTES 4
#define TEXT_MOST   1000000 /* bytes of an architecture */
/* A file may unfold to so many times its own bytes, and some more: what is
 * allocated stays in proportion to what was read. */
#define FREE_COUNT  ((size_t)4 << 20)
#define UNFOLD_MOST 4096

const char *const pack_coder_names[PACK_CODERS] = {"best", "context", "huffman",
                                                   "fixed"};

void pack_ledger_done(struct pack_ledger *l)
{
    mem_free(l->part);
    *l = (struct pack_ledger){0};
}

size_t pack_part_bytes(const struct pack_part *p)
{
    return p->places + p->values + p->codebook + p->tables;
}

static size_t most_values(size_t bytes)
{
    return FREE_COUNT + bytes / sizeof(float) * UNFOLD_MOST;
}

static size_t count_values(const struct net *net, int *arrays)
{
    size_t n = 0;
    int i, p;

    *arrays = 0;
    for (i = 0; i < net->node_count; i++) {
        for (p = 0; p < net->node[i].param_count; p++, ++*arrays)
            n += net->node[i].param[p].count;
    }
    return n;
}

static void start_part(struct packer *k, struct pack_part *part, int node,
                       int param)
{
    const struct node *n = &k->net->node[node];

    part->layer = n->name;
    part->name = n->param[param].name;
    part->prunable = n->param[param].def.prunable;
    part->weights = n->param[param].count;
    k->part = part;
}

/* Every array, in the order of the net.  A part's stream bytes are counted
 * within one; what rounding leaves over is the header's. */
static enum err_code code_arrays(struct packer *k, enum pack_coder coder,
                                 struct pack_ledger *l,
                                 const struct progress *progress,
                                 struct err *err)
{
    size_t all = count_values(k->net, &l->count), done = 0;
    struct pack_part *part;
    enum err_code code;
    int i, p;

    l->part = mem_array((size_t)l->count + 1, sizeof(*l->part));
    part = l->part;
    code = pack_hints_start(k, err);
    for (i = 0; i < k->net->node_count && code == ERR_OK; i++) {
        for (p = 0; p < k->net->node[i].param_count && code == ERR_OK; p++) {
            start_part(k, part++, i, p);
            code = pack_array(k, i, p, coder, err);
            if (code != ERR_OK)
                err_context(err, "%s of layer \"%s\"", k->part->name,
                            k->part->layer);
            else if (progress_cancelled(progress))
                code = err_set(err, ERR_CANCELLED, "packing was stopped");
            done += k->part->weights;
            progress_tell(progress, (double)done / (double)(all + 1));
        }
    }
    pack_hints_done(k);
    return code;
}

static void put_file(struct packer *k, struct bytes *out)
{
    size_t start = out->len, n = k->r.out.len;
    uint32_t sum;
    int i;

    bytes_add(out, PACK_MAGIC, PACK_MAGIC_BYTES);
    bytes_put(out, VERSION);
    for (; n >= 128; n >>= 7)
        bytes_put(out, (unsigned)(n & 127) | 128);
    bytes_put(out, (unsigned)n);
    bytes_add(out, k->r.out.at, k->r.out.len);
    bytes_add(out, k->blocks.at, k->blocks.len);
    sum = (uint32_t)crc32_z(0, out->at + start, out->len - start);
    for (i = 0; i < CHECK_BYTES; i++)
        bytes_put(out, (sum >> (8 * i)) & 0xff);
}

static void fill_ledger(struct pack_ledger *l, size_t total)
{
    size_t sum = l->architecture;
    int i;

    for (i = 0; i < l->count; i++)
        sum += pack_part_bytes(&l->part[i]);
    l->total = total;
    l->header = total - sum;
}

enum err_code pack_write(const struct net *net, enum pack_coder coder,
                         struct bytes *out, struct pack_ledger *ledger,
                         const struct progress *progress, struct err *err)
{
    struct packer k = {
        .net = net, .version = VERSION, .counts = ledger != NULL};
    struct pack_ledger l = {0};
    struct str spec = {0};
    size_t before = out->len;
    enum err_code code;
    int arrays;

    range_start_writing(&k.r);
    spec_print(net, &spec);
    code = pack_text(&k.r, spec.text, NULL, TEXT_MOST, err);
    str_done(&spec);
    l.architecture = range_written(&k.r);
    if (code == ERR_OK)
        code = code_arrays(&k, coder, &l, progress, err);
    range_finish(&k.r);
    if (code == ERR_OK)
        put_file(&k, out);
    if (code == ERR_OK &&
        count_values(net, &arrays) > most_values(out->len - before))
        code = err_set(err, ERR_UNSUPPORTED,
                       "the net is all but empty: %zu bytes for %zu values",
                       out->len - before, count_values(net, &arrays));
    fill_ledger(&l, out->len - before);
    bytes_done(&k.r.out);
    bytes_done(&k.blocks);
    if (ledger != NULL && code == ERR_OK)
        *ledger = l;
    else
        pack_ledger_done(&l);
    return code;
}

/* The parts of a file; sets up k to read it. */
static enum err_code open_file(const uint8_t *at, size_t n, struct packer *k,
                               struct err *err)
{
    const uint8_t *end = at + n;
    uint64_t len = 0;
    uint32_t sum = 0;
    int i = 0;

    if (n < PACK_MAGIC_BYTES + 2 + CHECK_BYTES ||
        memcmp(at, PACK_MAGIC, PACK_MAGIC_BYTES) != 0)
        return err_set(err, ERR_FORMAT, "not a packed net");
    k->version = at[PACK_MAGIC_BYTES];
    if (k->version < 1 || k->version > VERSION)
        return err_set(err, ERR_UNSUPPORTED,
                       "a packed net of version %d; this program reads"
                       " versions 1 to %d",
                       k->version, VERSION);
    end -= CHECK_BYTES;
    for (i = 0; i < CHECK_BYTES; i++)
        sum |= (uint32_t)end[i] << (8 * i);
    if (sum != (uint32_t)crc32_z(0, at, (size_t)(end - at)))
        return err_set(err, ERR_FORMAT,
                       "the packed net is damaged: its checksum does not fit");
    at += PACK_MAGIC_BYTES + 1;
    for (i = 0; i < 63 && at < end; i += 7) {
        len |= (uint64_t)(*at & 127) << i;
        if ((*at++ & 128) == 0)
            break;
    }
    if (len > (uint64_t)(end - at))
        return err_set(err, ERR_FORMAT, "its stream ends too early");
    range_start_reading(&k->r, at, (size_t)len);
    k->from = k->at = at + len;
    k->end = end;
    return ERR_OK;
}

/* Nothing may be left over: every byte has a meaning. */
static enum err_code read_arrays(struct packer *k, struct pack_ledger *l,
                                 struct err *err)
{
    if (code_arrays(k, PACK_BEST, l, NULL, err) != ERR_OK)
        return err->code;
    if (k->at != k->end)
        return err_set(err, ERR_FORMAT, "%zu bytes too many",
                       (size_t)(k->end - k->at));
    return ERR_OK;
}

/* ledger may be NULL; names in it are those of *out. */
static enum err_code read_net(const void *bytes, size_t n, const char *name,
                              struct net **out, struct pack_ledger *ledger,
                              struct err *err)
{
    struct packer k = {.counts = ledger != NULL};
    struct pack_ledger l = {0};
    struct str spec = {0};
    struct net *net = NULL;
    enum err_code code = open_file(bytes, n, &k, err);

    if (code == ERR_OK)
        code = pack_text(&k.r, NULL, &spec, TEXT_MOST, err);
    l.architecture = range_written(&k.r);
    if (code == ERR_OK) {
        net = spec_parse_within(spec.text != NULL ? spec.text : "", name,
                                most_values(n), err);
        code = net != NULL ? ERR_OK : err_context(err, "its architecture");
    }
    str_done(&spec);
    if (code == ERR_OK) {
        k.net = net;
        code = read_arrays(&k, &l, err);
    }
    if (code == ERR_OK)
        code = fake_check(net, err);
    if (code == ERR_OK) {
        fill_ledger(&l, n);
        *out = net;
    } else {
        net_free(net);
    }
    if (code == ERR_OK && ledger != NULL)
        *ledger = l;
    else
        pack_ledger_done(&l);
    return code;
}

enum err_code pack_read(const void *bytes, size_t n, const char *name,
                        struct net **out, struct err *err)
{
    return read_net(bytes, n, name, out, NULL, err);
}

enum err_code pack_read_ledger(const void *bytes, size_t n, const char *name,
                               struct net **out, struct pack_ledger *ledger,
                               struct err *err)
{
    return read_net(bytes, n, name, out, ledger, err);
}

enum err_code pack_check(const void *bytes, size_t n, const struct net *net,
                         struct err *err)
{
    struct packer k = {.net = net, .check = true};
    struct pack_ledger l = {0};
    struct str spec = {0}, mine = {0};
    enum err_code code = open_file(bytes, n, &k, err);

    if (code == ERR_OK)
        code = pack_text(&k.r, NULL, &spec, TEXT_MOST, err);
    spec_print(net, &mine);
    if (code == ERR_OK &&
        (spec.text == NULL || strcmp(spec.text, mine.text) != 0))
        code = err_set(err, ERR_FORMAT, "architectures differ");
    str_done(&spec);
    str_done(&mine);
    if (code == ERR_OK)
        code = read_arrays(&k, &l, err);
    pack_ledger_done(&l);
    return code;
}
