/* What the machine can do at best, measured: what benchmarks compare with. */
#ifndef TESTS_MACHINE_H
#define TESTS_MACHINE_H

/* Gflop/s of large products on so many threads: the best of some rounds. */
double machine_gflops(int threads);

/* GB/s that so many threads together read from and write to memory, each in
 * the order of addresses: likewise. */
void machine_memory(int threads, double *reads, double *writes);

/* Bytes of the largest cache, as the system says. */
double machine_cache(void);

#endif
