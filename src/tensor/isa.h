/*
 * Which of our kernels run: those for the widest vectors this processor has.
 * The one place that asks it; tests and benchmarks may ask for narrower ones.
 * Passes that are compiled several times by VEC_CLONES (vec.h) choose for
 * themselves and give the same bits on all.
 * Threads: any; isa_limit only while no other thread computes.
 */
#ifndef TENSOR_ISA_H
#define TENSOR_ISA_H

/* ISA_PLAIN: what the compiler takes without being told.  ISA_AVX2 has FMA and
 * BMI besides, ISA_AVX512 the foundation, its shorter vectors and BMI2. */
enum isa { ISA_PLAIN, ISA_AVX2, ISA_AVX512, ISA_COUNT };

/* The best there is, not above the limit. */
enum isa isa_now(void);
/* ISA_AVX512, as at first: no limit. */
void isa_limit(enum isa most);
/* "plain", "avx2", "avx512" */
const char *isa_name(enum isa isa);

#endif
