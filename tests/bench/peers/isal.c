/* How fast ISA-L's xor_gen and pq_gen are: the same lines, sizes and way of measuring as
 * benches/parity.rs. */
#include <isa-l.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PAGE 4096
#define POOL (256u << 20)
#define SAMPLES 5
#define SAMPLE 8e-3

static unsigned char *pool;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

/* The least time of one call, in seconds. */
static double least(int (*run)(int, int, void **), int blocks, size_t len, int cold)
{
	size_t stripes = POOL / (blocks * len), next = 0;
	double best = 1e9;

	for (int sample = 0; sample < SAMPLES; sample++) {
		double start = now();
		int calls = 0;

		while (calls < 4 || now() - start < SAMPLE) {
			void *block[32];

			for (int i = 0; i < blocks; i++)
				block[i] = pool + (next * blocks + i) * len;
			next = cold ? (next + 1) % stripes : 0;
			if (run(blocks, (int)len, block))
				exit(1);
			calls++;
		}
		double each = (now() - start) / calls;

		if (each < best)
			best = each;
	}
	return best;
}

int main(void)
{
	static const struct { size_t len; int cold; } sizes[] = {
		{ 16 << 10, 0 }, { 64 << 10, 0 }, { 256 << 10, 0 }, { 64 << 10, 1 },
	};
	static const int counts[] = { 4, 8, 16 };

	pool = aligned_alloc(PAGE, POOL);
	if (!pool)
		return 1;
	for (uint32_t n = 0; n < POOL; n++)
		pool[n] = (unsigned char)((n * 40503u) >> 16);
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
		for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
			int n = counts[c], cold = sizes[s].cold;
			size_t len = sizes[s].len;
			double data = (double)n * len / 1e9;
			const char *place = cold ? "cold" : "warm";

			printf("isal xor %d %zu %s %.1f\n", n, len >> 10, place,
			       data / least(xor_gen, n + 1, len, cold));
			printf("isal pq %d %zu %s %.1f\n", n, len >> 10, place,
			       data / least(pq_gen, n + 2, len, cold));
		}
	return 0;
}
