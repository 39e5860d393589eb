#include "tensor/isa.h"

static enum isa limit = ISA_AVX512;

static enum isa best(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("bmi"))
        return __builtin_cpu_supports("avx512f") &&
                       __builtin_cpu_supports("avx512vl") &&
                       __builtin_cpu_supports("bmi2")
                   ? ISA_AVX512
                   : ISA_AVX2;
#endif
    return ISA_PLAIN;
}

enum isa isa_now(void)
{
    enum isa isa = best();

    return isa < limit ? isa : limit;
}

void isa_limit(enum isa most)
{
    limit = most;
}

const char *isa_name(enum isa isa)
{
    static const char *const names[ISA_COUNT] = {"plain", "avx2", "avx512"};

    return names[isa];
}
