/* Text without white space: 64 bytes become two masks, then what a mask keeps is moved together. */
#include "executor/redact_dense.h"

#include "executor/redact_escape.h"
#include "executor/redact_set.h"

#include <string.h>

#if defined __x86_64__ && !defined REDACT_PORTABLE
#include <immintrin.h>
#endif

/* Bits of white space, of NULs, and of ESC among 64 bytes. */
struct marks {
	uint64_t space, nul, esc;
};

/* How one kind of machine does it. */
struct engine {
	void (*mark)(struct marks *ret, const unsigned char *p);
	size_t (*squeeze)(unsigned char *to, const unsigned char *p, uint64_t keep);
};

static void mark_plain(struct marks *ret, const unsigned char *p)
{
	*ret = (struct marks){ 0 };
	for (unsigned i = 0; i < 64; i++) {
		ret->space |= (uint64_t)redact_is_space(p[i]) << i;
		ret->nul |= (uint64_t)(p[i] == 0) << i;
		ret->esc |= (uint64_t)(p[i] == 0x1b) << i;
	}
}

static size_t squeeze_plain(unsigned char *to, const unsigned char *p, uint64_t keep)
{
	size_t n = 0;
	for (unsigned i = 0; i < 64; i++) {
		to[n] = p[i];
		n += keep >> i & 1;
	}
	return n;
}

#if defined __x86_64__ && !defined REDACT_PORTABLE
__attribute__((target("avx2"))) static void mark_avx2(struct marks *ret, const unsigned char *p)
{
	uint64_t got[3][2];
	for (int half = 0; half < 2; half++) {
		__m256i v = _mm256_loadu_si256((const __m256i_u *)(const void *)(p + 32 * half));
		__m256i low = _mm256_sub_epi8(v, _mm256_set1_epi8('\t'));
		__m256i run = _mm256_cmpeq_epi8(_mm256_min_epu8(low, _mm256_set1_epi8(4)), low);
		__m256i blank = _mm256_cmpeq_epi8(v, _mm256_set1_epi8(' '));
		__m256i nul = _mm256_cmpeq_epi8(v, _mm256_setzero_si256());
		__m256i esc = _mm256_cmpeq_epi8(v, _mm256_set1_epi8(0x1b));
		got[0][half] = (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(run, blank));
		got[1][half] = (uint32_t)_mm256_movemask_epi8(nul);
		got[2][half] = (uint32_t)_mm256_movemask_epi8(esc);
	}
	ret->space = got[0][1] << 32 | got[0][0];
	ret->nul = got[1][1] << 32 | got[1][0];
	ret->esc = got[2][1] << 32 | got[2][0];
}

/* For 8 bits, where the bytes that they keep stand. */
static uint64_t shuffles[256];

static void shuffles_fill(void)
{
	for (unsigned bits = 0; bits < 256; bits++) {
		unsigned n = 0;
		for (unsigned i = 0; i < 8; i++)
			if (bits >> i & 1)
				shuffles[bits] |= (uint64_t)i << 8 * n++;
	}
}

__attribute__((target("avx2,popcnt"))) static size_t squeeze_avx2(unsigned char *to,
								  const unsigned char *p,
								  uint64_t keep)
{
	size_t n = 0;
	for (unsigned i = 0; i < 64; i += 8) {
		unsigned bits = keep >> i & 255;
		__m128i v = _mm_loadl_epi64((const __m128i_u *)(const void *)(p + i));
		__m128i order = _mm_loadl_epi64((const __m128i_u *)(const void *)&shuffles[bits]);
		_mm_storel_epi64((__m128i_u *)(void *)(to + n), _mm_shuffle_epi8(v, order));
		n += (unsigned)__builtin_popcount(bits);
	}
	return n;
}

__attribute__((target("avx512vbmi2,avx512bw,popcnt"))) static size_t squeeze_avx512(
	unsigned char *to, const unsigned char *p, uint64_t keep)
{
	__m512i v = _mm512_loadu_si512(p);
	_mm512_storeu_si512(to, _mm512_maskz_compress_epi8(keep, v));
	return (size_t)__builtin_popcountll(keep);
}
#endif

static const struct engine *engine(void)
{
	static struct engine chosen;
	if (chosen.mark)
		return &chosen;
	chosen = (struct engine){ mark_plain, squeeze_plain };
#if defined __x86_64__ && !defined REDACT_PORTABLE
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt"))
		chosen = (struct engine){ mark_avx2, squeeze_avx2 };
	if (__builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512bw"))
		chosen.squeeze = squeeze_avx512;
	if (chosen.squeeze == squeeze_avx2)
		shuffles_fill();
#endif
	return &chosen;
}

/* Clear bits [from, to) of a row of bits. */
static void clear_bits(uint64_t *row, size_t from, size_t to)
{
	while (from < to) {
		size_t end = (from | 63) + 1;
		end = end < to ? end : to;
		uint64_t bits = end - from == 64 ? ~0ULL
						 : ((1ULL << (end - from)) - 1) << (from & 63);
		row[from / 64] &= ~bits;
		from = end;
	}
}

/* The escape at i: none of its bytes is text. Returns its end, 0 when it cannot be taken. */
static size_t take_escape(struct dense *d, const unsigned char *p, size_t n, size_t i)
{
	struct escape esc;
	if (d->nescapes == DENSE_ESCAPES || !escape_parse(p + i, n - i, false, &esc))
		return 0;
	if (i + esc.n > d->raw)
		return 0;
	d->escapes[d->nescapes++] = (struct dense_escape){ (uint16_t)i, (uint16_t)esc.n, 0,
							   esc.csi };
	clear_bits(d->keep, i, i + esc.n);
	clear_bits(d->space, i, i + esc.n);
	return i + esc.n;
}

/* What marks hold of ESC becomes escapes; at one that cannot be taken the piece ends. */
static void find_escapes(struct dense *d, const unsigned char *p, size_t n, const uint64_t *esc,
			 size_t chunks)
{
	size_t end = 0;
	for (size_t chunk = 0; chunk < chunks; chunk++) {
		for (uint64_t left = esc[chunk]; left; left &= left - 1) {
			size_t i = chunk * 64 + (size_t)__builtin_ctzll(left);
			if (i >= d->raw)
				return;
			if (i < end)
				continue;
			end = take_escape(d, p, n, i);
			if (!end) {
				d->raw = i;
				return;
			}
		}
	}
}

/* All 64 bytes of a chunk of p[0..n), zeros behind its end. */
static const unsigned char *chunk_of(const unsigned char *p, size_t n, size_t at,
				     unsigned char *pad)
{
	if (at + 64 <= n)
		return p + at;
	memset(pad, 0, 64);
	memcpy(pad, p + at, n - at);
	return pad;
}

void dense_fill(struct dense *d, const unsigned char *p, size_t n)
{
	const struct engine *with = engine();
	uint64_t esc[DENSE_CHUNKS + 1];
	unsigned char pad[64];
	uint64_t any = 0;
	d->raw = n < DENSE_BLOCK ? n : DENSE_BLOCK;
	d->nescapes = d->n = 0;
	size_t chunks = (d->raw + 63) / 64;
	for (size_t i = 0; i < chunks; i++) {
		struct marks m;
		with->mark(&m, chunk_of(p, n, i * 64, pad));
		d->space[i] = m.space;
		d->keep[i] = ~(m.space | m.nul | m.esc);
		esc[i] = m.esc;
		any |= m.esc;
	}
	if (any)
		find_escapes(d, p, n, esc, chunks);
	clear_bits(d->keep, d->raw, chunks * 64);
	for (size_t i = 0; i < chunks; i++) {
		d->start[i] = (uint16_t)d->n;
		d->n += with->squeeze(d->text + d->n, chunk_of(p, n, i * 64, pad), d->keep[i]);
	}
	d->start[chunks] = (uint16_t)d->n;
	for (size_t i = 0; i < d->nescapes; i++) {
		struct dense_escape *x = &d->escapes[i];
		uint64_t before = (1ULL << (x->raw & 63)) - 1;
		x->at = (uint16_t)(d->start[x->raw / 64] +
				   __builtin_popcountll(d->keep[x->raw / 64] & before));
	}
}

size_t dense_raw(const struct dense *d, size_t i)
{
	size_t lo = 0, hi = (d->raw + 63) / 64;
	while (lo + 1 < hi) {
		size_t mid = (lo + hi) / 2;
		if (d->start[mid] <= i)
			lo = mid;
		else
			hi = mid;
	}
	uint64_t bits = d->keep[lo];
	for (size_t skip = i - d->start[lo]; skip; skip--)
		bits &= bits - 1;
	return lo * 64 + (size_t)__builtin_ctzll(bits);
}

/* How many bytes stand before offset `to` of the piece, and no white space among them. */
static unsigned run_before(const struct dense *d, size_t to)
{
	uint64_t below = (1ULL << (to & 63)) - 1;
	unsigned run = 0;
	for (size_t chunk = to / 64;; chunk--) {
		uint64_t space = d->space[chunk] & below, keep = d->keep[chunk] & below;
		if (space)
			keep &= ~((2ULL << (63 - __builtin_clzll(space))) - 1);
		run += (unsigned)__builtin_popcountll(keep);
		if (space || run >= DENSE_WRAP)
			return run;
		if (chunk == 0)
			return run + d->before.run;
		below = ~0ULL;
	}
}

struct dense_back dense_before(const struct dense *d, size_t i)
{
	unsigned run = run_before(d, dense_raw(d, i));
	struct dense_back back = { ' ', (uint8_t)(run < DENSE_WRAP ? run : DENSE_WRAP) };
	if (run)
		back.byte = i ? d->text[i - 1] : d->before.byte;
	return back;
}
