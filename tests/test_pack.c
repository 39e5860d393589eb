/*
 * Packed nets: what is read back has the same bits, every byte is counted, and
 * any damage is refused without a fault.
 */
#include "tests/support.h"

#include <zlib.h>

#include "base/rng.h"
#include "compress/mask.h"
#include "compress/pack.h"
#include "compress/trim.h"
#include "net/spec.h"
#include "net/zoo.h"

static const char small[] = "input 6x6x2\n"
                            "conv2d 4 3x3 name=a\n"
                            "batch_norm name=b\n"
                            "relu\n"
                            "flatten\n"
                            "dense 9 name=c relu\n"
                            "dense 3 name=d softmax\n";

static struct net *net_of(const char *spec)
{
    struct err err;
    struct net *net = spec_parse(spec, "test", &err);

    if (net == NULL)
        fail_msg("%s: %s", spec, err.msg);
    net_init(net, 1);
    return net;
}

static void prune(struct net *net, double share, uint64_t seed)
{
    struct param_walk w;
    struct param *p;
    struct err err;
    struct rng rng = rng_at(seed, RNG_TEST, 0, 0);
    size_t i;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        if (!p->def.prunable)
            continue;
        assert_ok(param_need_mask(p, &err));
        for (i = 0; i < p->count; i++)
            p->mask[i] = rng_double(&rng) >= share;
        mask_apply(p);
    }
}

/* Every weight that is left becomes one of k values. */
static void share(struct net *net, int k, uint64_t seed)
{
    struct param_walk w;
    struct param *p;
    struct err err;
    struct rng rng = rng_at(seed, RNG_TEST, 1, 0);
    size_t i;
    int c;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        struct codebook *b;

        if (!p->def.prunable)
            continue;
        b = codebook_new(k, p->count, &err);
        assert_non_null(b);
        for (c = 1; c <= k; c++)
            b->centroid[c] = (float)((c - (k + 1) / 2.0) * 0.037);
        for (i = 0; i < p->count; i++)
            b->code[i] = p->mask != NULL && p->mask[i] == 0
                             ? 0
                             : (uint16_t)(1 + rng_below(&rng, (uint32_t)k));
        codebook_write(b, p->value, 0, p->count);
        param_bind(p, b, NULL);
    }
}

static void round_to(struct net *net, enum grid_kind kind, int bits,
                     bool channels)
{
    struct param_walk w;
    struct param *p;
    struct err err;

    for (p = net_first(net, &w); p != NULL; p = net_next(&w)) {
        bool half = kind == GRID_FP16 || kind == GRID_BF16;
        int n = channels ? p->def.shape.dim[p->def.shape.rank - 1] : 1, c;
        struct grid *g;

        if (!p->def.prunable)
            continue;
        g = grid_new(kind, bits, half ? 0 : n, p->count, &err);
        assert_non_null(g);
        for (c = 0; c < g->channels; c++) {
            g->scale[c] = 0.01f * (float)(c + 1);
            g->zero[c] = kind == GRID_AFFINE ? 3 : 0;
        }
        grid_snap(g, p->value, p->value, 0, p->count);
        param_bind(p, NULL, g);
    }
}

static void assert_same_values(struct net *a, struct net *b)
{
    struct param_walk wa, wb;
    struct param *p = net_first(a, &wa), *q = net_first(b, &wb);

    assert_true(net_same_graph(a, b));
    for (; p != NULL; p = net_next(&wa), q = net_next(&wb)) {
        assert_memory_equal(p->value, q->value, p->count * sizeof(float));
        assert_true((p->mask == NULL) == (q->mask == NULL));
        assert_true((p->book == NULL) == (q->book == NULL));
        assert_true((p->grid == NULL) == (q->grid == NULL));
        if (p->grid != NULL)
            assert_int_equal(p->grid->kind, q->grid->kind);
    }
}

static void assert_same_ledger(const struct pack_ledger *a,
                               const struct pack_ledger *b)
{
    int i;

    assert_int_equal(a->count, b->count);
    assert_int_equal(a->header, b->header);
    for (i = 0; i < a->count; i++) {
        const struct pack_part *p = &a->part[i], *q = &b->part[i];

        assert_int_equal(p->places, q->places);
        assert_int_equal(p->values, q->values);
        assert_int_equal(p->codebook, q->codebook);
        assert_int_equal(p->tables, q->tables);
        assert_int_equal(p->alive, q->alive);
        assert_int_equal(p->distinct, q->distinct);
        assert_close(p->entropy, q->entropy, 0);
        assert_string_equal(p->method, q->method);
        assert_string_equal(p->layer, q->layer);
    }
}

/* Packs, counts, reads; returns the bytes of the file. */
static size_t round_trip(struct net *net, enum pack_coder coder)
{
    struct bytes file = {0}, again = {0};
    struct pack_ledger l = {0}, read = {0};
    struct net *back = NULL;
    struct err err;
    size_t sum, bytes;
    int i;

    assert_ok(pack_write(net, coder, &file, &l, NULL, &err));
    assert_int_equal(l.total, file.len);
    sum = l.header + l.architecture;
    for (i = 0; i < l.count; i++)
        sum += pack_part_bytes(&l.part[i]);
    assert_int_equal(sum, file.len);
    assert_true(l.header < 16 + 6 * (size_t)l.count);
    assert_ok(pack_check(file.at, file.len, net, &err));
    assert_ok(pack_read_ledger(file.at, file.len, "test", &back, &read, &err));
    assert_same_values(net, back);
    assert_same_ledger(&l, &read);
    pack_ledger_done(&read);
    assert_ok(pack_write(back, coder, &again, NULL, NULL, &err));
    assert_int_equal(again.len, file.len);
    assert_memory_equal(again.at, file.at, file.len);
    bytes = file.len;
    net_free(back);
    pack_ledger_done(&l);
    bytes_done(&file);
    bytes_done(&again);
    return bytes;
}

static void every_coder(struct net *net)
{
    int c;

    for (c = 0; c < PACK_CODERS; c++)
        round_trip(net, (enum pack_coder)c);
    net_free(net);
}

static void test_nets_of_every_kind_come_back(void **state)
{
    static const enum grid_kind kinds[] = {GRID_SYMMETRIC, GRID_AFFINE,
                                           GRID_FP16, GRID_BF16};
    struct net *net;
    size_t i;

    (void)state;
    every_coder(net_of(small));
    net = net_of(small);
    prune(net, 0.9, 1);
    every_coder(net);
    for (i = 0; i < LENGTH(kinds); i++) {
        bool half = kinds[i] == GRID_FP16 || kinds[i] == GRID_BF16;

        net = net_of(small);
        round_to(net, kinds[i], half ? 16 : 4, i % 2);
        every_coder(net);
        net = net_of(small);
        prune(net, 0.7, 2);
        round_to(net, kinds[i], half ? 16 : 8, i % 2 == 0);
        every_coder(net);
    }
    net = net_of(small);
    share(net, 5, 1);
    every_coder(net);
    net = net_of(small);
    prune(net, 1, 1);
    every_coder(net);
    for (i = 0; i < 4; i++) {
        net = net_of(small);
        prune(net, 0.25 * (double)(i + 1), i);
        share(net, 1 + (int)i * 40, i);
        every_coder(net);
    }
}

static void test_nets_of_every_shape_come_back(void **state)
{
    const struct zoo_row *row;

    (void)state;
    for (row = zoo_rows; row->name != NULL && !row->large; row++) {
        struct err err;
        struct net *net = zoo_make(row, NULL, 0, &err);

        assert_non_null(net);
        net_init(net, 3);
        prune(net, 0.98, 3);
        share(net, 7, 3);
        round_trip(net, PACK_BEST);
        net_free(net);
    }
}

/* Values that a careless comparison would change. */
static void test_strange_values_keep_their_bits(void **state)
{
    static const uint32_t strange[] = {0x80000000, 0x7f800000, 0xff800000,
                                       0x7fc00001, 0x00000001, 0x807fffff,
                                       0x00000000, 0x3f800001};
    struct net *net = net_of(small);
    int coder;

    (void)state;
    memcpy(net->node[0].param[0].value, strange, sizeof(strange));
    memcpy(net->node[0].param[1].value, strange, 16);
    for (coder = 0; coder < PACK_CODERS; coder++) {
        struct bytes file = {0};
        struct net *back = NULL;
        struct err err;

        assert_ok(
            pack_write(net, (enum pack_coder)coder, &file, NULL, NULL, &err));
        assert_ok(pack_read(file.at, file.len, "x", &back, &err));
        assert_memory_equal(back->node[0].param[0].value, strange,
                            sizeof(strange));
        assert_memory_equal(back->node[0].param[1].value, strange, 16);
        net_free(back);
        bytes_done(&file);
    }
    net_free(net);
}

static void test_a_codebook_and_masks_come_back_bound(void **state)
{
    struct net *net = net_of(small), *back = NULL;
    const struct param *p;
    struct bytes file = {0};
    struct err err;
    size_t i;

    (void)state;
    prune(net, 0.6, 4);
    share(net, 6, 4);
    assert_ok(pack_write(net, PACK_BEST, &file, NULL, NULL, &err));
    assert_ok(pack_read(file.at, file.len, "x", &back, &err));
    p = &back->node[0].param[0];
    assert_non_null(p->mask);
    assert_int_equal(p->book->k, 6);
    for (i = 0; i < p->count; i++) {
        assert_int_equal(p->mask[i], net->node[0].param[0].mask[i]);
        assert_true(p->book->centroid[p->book->code[i]] == p->value[i]);
    }
    net_free(back);
    net_free(net);
    bytes_done(&file);
}

/* The reference nets at the densities of the literature: less than the bound
 * for places at random, plus what tables and biases take. */
static void test_sparse_nets_cost_little_more_than_their_entropy(void **state)
{
    static const struct {
        const char *name;
        double sparsity;
        int k;
    } rows[] = {{"lenet-300-100", 0.92, 31},
                {"lenet-300-100", 0.985, 7},
                {"lenet-5", 0.99, 15}};
    size_t i;

    (void)state;
    for (i = 0; i < LENGTH(rows); i++) {
        struct err err;
        struct net *net = zoo_make(zoo_find(rows[i].name), NULL, 0, &err);
        struct pack_ledger l;
        struct bytes file = {0};
        double bound = 0;
        int p;

        assert_non_null(net);
        prune(net, rows[i].sparsity, 5);
        share(net, rows[i].k, 5);
        assert_ok(pack_write(net, PACK_BEST, &file, &l, NULL, &err));
        for (p = 0; p < l.count; p++)
            bound += l.part[p].entropy / 8;
        assert_true((double)file.len < bound * 1.02 + 300);
        assert_true((double)file.len > bound * 0.95);
        assert_true(l.architecture < 16);
        pack_ledger_done(&l);
        bytes_done(&file);
        net_free(net);
    }
}

static void fix_checksum(uint8_t *at, size_t n)
{
    uint32_t sum = (uint32_t)crc32_z(0, at, n - 4);
    int i;

    for (i = 0; i < 4; i++)
        at[n - 4 + (size_t)i] = (uint8_t)(sum >> (8 * i));
}

/* Reads what should be refused, or is another net by chance; checks that
 * nothing large was allocated. */
static bool refuses(const uint8_t *at, size_t n)
{
    struct net *net = NULL;
    struct err err = {0};
    bool refused;

    refused = pack_read(at, n, "x", &net, &err) != ERR_OK;
    if (refused) {
        assert_null(net);
        assert_true(err.code != ERR_MEMORY && err.msg[0] != '\0');
    }
    net_free(net);
    return refused;
}

static void damage(const struct bytes *file, uint64_t seed)
{
    struct rng rng = rng_at(seed, RNG_TEST, 7, 0);
    uint8_t *copy = mem_alloc(file->len + 64);
    size_t n = file->len, at;
    uint32_t k, flips = 1 + rng_below(&rng, 4);

    memcpy(copy, file->at, n);
    for (k = 0; k < flips; k++) {
        at = 5 + rng_below(&rng, (uint32_t)(n - 9));
        copy[at] ^= (uint8_t)(1u << rng_below(&rng, 8));
    }
    assert_true(refuses(copy, n));
    fix_checksum(copy, n);
    refuses(copy, n);
    n = 10 + rng_below(&rng, (uint32_t)(n - 9));
    assert_true(n == file->len || refuses(copy, n));
    fix_checksum(copy, n);
    refuses(copy, n);
    mem_free(copy);
}

static void test_damage_is_refused_without_a_fault(void **state)
{
    int coder, kind;
    uint64_t seed;

    (void)state;
    for (kind = 0; kind < 4; kind++) {
        struct net *net = net_of(small);

        if (kind > 0)
            prune(net, 0.6, 6);
        if (kind == 2)
            share(net, 9, 6);
        if (kind == 3)
            round_to(net, GRID_AFFINE, 5, true);
        for (coder = 0; coder < PACK_CODERS; coder++) {
            struct bytes file = {0};
            struct err err;

            assert_ok(pack_write(net, (enum pack_coder)coder, &file, NULL, NULL,
                                 &err));
            for (seed = 0; seed < 12; seed++)
                damage(&file, seed + 100 * (uint64_t)coder);
            bytes_done(&file);
        }
        net_free(net);
    }
}

static void test_noise_is_refused_without_a_fault(void **state)
{
    uint8_t noise[200];
    uint64_t seed;

    (void)state;
    for (seed = 0; seed < 60; seed++) {
        struct rng rng = rng_at(seed, RNG_TEST, 8, 0);
        size_t n = 12 + rng_below(&rng, 180), i;

        for (i = 0; i < n; i++)
            noise[i] = (uint8_t)rng_u32(&rng);
        assert_true(refuses(noise, n));
        memcpy(noise, PACK_MAGIC "\x01", PACK_MAGIC_BYTES + 1);
        noise[PACK_MAGIC_BYTES + 1] &= 127;
        fix_checksum(noise, n);
        refuses(noise, n);
    }
}

/* Another version, with a checksum that fits. */
static void seal(struct bytes *file, uint8_t version)
{
    uint32_t sum;
    int i;

    file->at[4] = version;
    sum = (uint32_t)crc32_z(0, file->at, file->len - 4);
    for (i = 0; i < 4; i++)
        file->at[file->len - 4 + (size_t)i] = (uint8_t)(sum >> (8 * i));
}

static void test_refusals_say_what_is_wrong(void **state)
{
    struct net *net = net_of(small), *other = net_of(small), *back = NULL;
    struct bytes file = {0};
    struct err err;

    (void)state;
    share(net, 40, 1);
    share(other, 40, 1);
    assert_ok(pack_write(net, PACK_CONTEXT, &file, NULL, NULL, &err));
    assert_refused(pack_read("abc", 3, "x", &back, &err), ERR_FORMAT,
                   "not a packed net");
    assert_refused(pack_read(file.at, file.len - 1, "x", &back, &err),
                   ERR_FORMAT, "checksum");
    other->node[0].param[0].value[3] += 1;
    assert_refused(pack_check(file.at, file.len, other, &err), ERR_FORMAT,
                   "kernel of layer \"a\": values differ");
    seal(&file, 1);
    assert_refused(pack_read(file.at, file.len, "x", &back, &err), ERR_FORMAT,
                   "unknown way");
    file.at[4] = 9;
    assert_refused(pack_read(file.at, file.len, "x", &back, &err),
                   ERR_UNSUPPORTED, "version 9");
    bytes_done(&file);
    net_free(other);
    other =
        spec_parse("input 200x200x1\nflatten\ndense 400 name=a\n", "x", &err);
    assert_refused(pack_write(other, PACK_BEST, &file, NULL, NULL, &err),
                   ERR_UNSUPPORTED, "all but empty");
    bytes_done(&file);
    net_free(other);
    net_free(net);
}

/* By hand: the largest, 0.8, is in [0.5, 1), so four bits count sixteenths. */
static void test_trimmed_values_are_multiples_of_one_step(void **state)
{
    static const float before[] = {0.8f, -0.31f, 0.02f, -0.1f};
    static const float after[] = {0.8125f, -0.3125f, 0.0f, -0.125f};
    struct trim_request r = {.biases = 4, .codebooks = 3, .layers = "a"};
    struct net *net = net_of(small);
    struct trim_report report;
    struct param *kernel = &net->node[0].param[0];
    size_t i;
    int c;

    (void)state;
    assert_int_equal(trim_step(0.8, 4), -4);
    assert_int_equal(trim_step(0.99, 4), -3); /* 15.84 would round to 16 */
    assert_int_equal(trim_step(1.0, 4), -3);
    share(net, 6, 8);
    kernel->book->centroid[1] = 0.001f;
    memcpy(net->node[0].param[1].value, before, sizeof(before));
    report = trim_apply(net, &r);
    assert_int_equal(report.biases, 4);
    assert_int_equal(report.shared, 6);
    assert_memory_equal(net->node[0].param[1].value, after, sizeof(after));
    for (c = 1; c <= 6; c++) {
        double q = ldexp((double)kernel->book->centroid[c], 6);

        assert_true(q == rint(q) && q != 0);
    }
    for (i = 0; i < kernel->count; i++)
        assert_true(kernel->value[i] ==
                    kernel->book->centroid[kernel->book->code[i]]);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nets_of_every_kind_come_back),
        cmocka_unit_test(test_nets_of_every_shape_come_back),
        cmocka_unit_test(test_strange_values_keep_their_bits),
        cmocka_unit_test(test_a_codebook_and_masks_come_back_bound),
        cmocka_unit_test(test_sparse_nets_cost_little_more_than_their_entropy),
        cmocka_unit_test(test_damage_is_refused_without_a_fault),
        cmocka_unit_test(test_noise_is_refused_without_a_fault),
        cmocka_unit_test(test_refusals_say_what_is_wrong),
        cmocka_unit_test(test_trimmed_values_are_multiples_of_one_step),
    };

    return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
