/* Hashes of what needles begin with, and a shuffle for the words of patterns. */
#include "executor/redact_gate.h"

#include "executor/redact_set.h"

#include <string.h>

#if defined __x86_64__ && !defined REDACT_PORTABLE
#include <immintrin.h>
#endif

enum { GRAM = 4, WINDOW_MAX = 11, GROUPS = 8, DASHES = 3, LATE = 1 << 7 };

/* --- hashes ----------------------------------------------------------------------------------- */

static uint32_t gram_hash(const struct gate *g, const unsigned char *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return (v * 2654435761U) >> (32 - g->gram_bits);
}

static bool bit(const uint64_t *bits, uint64_t i)
{
	return bits[i / 64] >> (i & 63) & 1;
}

static void bit_set(uint64_t *bits, uint64_t i)
{
	bits[i / 64] |= 1ULL << (i & 63);
}

static uint64_t head_hash(const struct gate *g, const unsigned char *p)
{
	uint64_t v = 0;
	memcpy(&v, p, g->hashed);
	return v * 0x9e3779b97f4a7c15ULL;
}

/* Two bits of one hash have to be set. */
static bool is_head(const struct gate *g, const unsigned char *p)
{
	uint64_t hash = head_hash(g, p);
	return bit(g->heads, hash >> (64 - g->head_bits)) &&
	       bit(g->heads, hash >> 24 & ((1ULL << g->head_bits) - 1));
}

/* A needle's first `max` bytes without white space; returns how many there are. */
static size_t needle_head(const struct needle *v, unsigned char *head, size_t max)
{
	size_t n = 0;
	for (uint32_t i = 0; i < v->n && n < max; i++)
		if (v->p[i] != ' ')
			head[n++] = v->p[i];
	return n;
}

static unsigned bits_for(size_t entries, unsigned per, unsigned most)
{
	unsigned bits = 10;
	while (bits < most && (1ULL << bits) < entries * per)
		bits++;
	return bits;
}

static void needle_enter(struct gate *g, const struct needle *v)
{
	unsigned char head[WINDOW_MAX];
	needle_head(v, head, g->window);
	for (unsigned i = 0; i + GRAM <= g->window; i++)
		bit_set(g->grams, gram_hash(g, head + i));
	uint64_t hash = head_hash(g, head);
	bit_set(g->heads, hash >> (64 - g->head_bits));
	bit_set(g->heads, hash >> 24 & ((1ULL << g->head_bits) - 1));
}

/* The least bytes without white space that a needle has, at most WINDOW_MAX. */
static size_t shortest(const struct redact_set *set)
{
	unsigned char head[WINDOW_MAX];
	size_t least = WINDOW_MAX;
	for (int lane = 0; lane < LANES; lane++)
		for (size_t i = 0; i < set->n[lane]; i++) {
			size_t len = needle_head(&set->needles[lane][i], head, WINDOW_MAX);
			least = len < least ? len : least;
		}
	return least;
}

static int needles_enter(struct gate *g, struct redact_set *set, struct err *e)
{
	size_t least = shortest(set), n = redact_set_needles(set);
	g->window = least < GRAM ? 0 : (unsigned)least;
	g->hashed = g->window < 8 ? g->window : 8;
	g->gram_bits = bits_for(n * (WINDOW_MAX - GRAM + 1), 32, 18);
	g->head_bits = bits_for(n, 64, 17);
	g->grams = region_take(&set->region, (size_t)1 << (g->gram_bits - 3), e);
	g->heads = g->grams ? region_take(&set->region, (size_t)1 << (g->head_bits - 3), e) : NULL;
	if (!g->heads)
		return -1;
	for (int lane = 0; lane < LANES && g->window; lane++)
		for (size_t i = 0; i < set->n[lane]; i++)
			needle_enter(g, &set->needles[lane][i]);
	return 0;
}

/* --- words ------------------------------------------------------------------------------------ */

static void group_byte(struct gate *g, unsigned at, unsigned char c, unsigned bits)
{
	unsigned char both[2] = { c, c };
	if (c >= 'a' && c <= 'z')
		both[1] = (unsigned char)(c - 0x20);
	for (unsigned i = 0; i < 2; i++)
		g->begins[at][both[i]] = (uint8_t)(g->begins[at][both[i]] | bits);
}

/* Three bytes of a word: its first, or what comes after the dashes, which are in many a line. */
static void group_word(struct gate *g, const struct needle *v, unsigned group)
{
	bool late = v->n > 2 * DASHES && !memcmp(v->p, "---", DASHES);
	unsigned skip = late ? DASHES : 0;
	for (unsigned at = 0; at < 3; at++) {
		if (skip + at < v->n) {
			group_byte(g, at, v->p[skip + at], late ? LATE : 1U << group);
			continue;
		}
		for (unsigned c = 0; c < 256; c++)
			group_byte(g, at, (unsigned char)c, 1U << group);
	}
}

static void words_enter(struct gate *g)
{
	const struct words *w = g->words;
	size_t groups = 0;
	unsigned char last[3] = { 0 };
	/* The needles are sorted: words that begin alike share a group. */
	for (int pass = 0; pass < 2; pass++) {
		size_t seen = 0;
		for (size_t i = 0; i < w->nneedles; i++) {
			const struct needle *v = &w->needles[i];
			seen += i == 0 || v->n < 3 || memcmp(last, v->p, 3) != 0;
			memcpy(last, v->p, v->n < 3 ? v->n : 3);
			if (pass)
				group_word(g, v, (unsigned)((seen - 1) * (GROUPS - 1) / groups));
		}
		groups = seen;
	}
	for (unsigned at = 0; at < 3; at++)
		for (unsigned c = 0; c < 256; c++) {
			g->nibbles[at][0][c & 15] |= g->begins[at][c];
			g->nibbles[at][1][c >> 4] |= g->begins[at][c];
		}
}

int gate_build(struct redact_set *set, struct err *e)
{
	set->gate.words = &set->words;
	words_enter(&set->gate);
	return needles_enter(&set->gate, set, e);
}

#if defined __x86_64__ && !defined REDACT_PORTABLE
/* The first offset from i on, before end, at which the nibbles of three bytes fit; rounded down. */
__attribute__((target("avx2"))) static size_t skip_avx2(const struct gate *g,
							const unsigned char *p, size_t i,
							size_t end)
{
	__m256i low[3], high[3], mask = _mm256_set1_epi8(15);
	for (unsigned at = 0; at < 3; at++) {
		const void *lo = g->nibbles[at][0], *hi = g->nibbles[at][1];
		low[at] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i_u *)lo));
		high[at] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i_u *)hi));
	}
	for (; i < end; i += 32) {
		__m256i fit = _mm256_set1_epi8(-1);
		for (unsigned at = 0; at < 3; at++) {
			const void *from = p + i + at;
			__m256i v = _mm256_loadu_si256((const __m256i_u *)from);
			__m256i up = _mm256_and_si256(_mm256_srli_epi16(v, 4), mask);
			__m256i lo = _mm256_shuffle_epi8(low[at], _mm256_and_si256(v, mask));
			fit = _mm256_and_si256(
				fit, _mm256_and_si256(lo, _mm256_shuffle_epi8(high[at], up)));
		}
		__m256i none = _mm256_cmpeq_epi8(fit, _mm256_setzero_si256());
		uint32_t bits = ~(uint32_t)_mm256_movemask_epi8(none);
		if (bits)
			return i + (size_t)__builtin_ctz(bits);
	}
	return end;
}
#endif

static size_t word_skip(const struct gate *g, const unsigned char *p, size_t i, size_t end)
{
#if defined __x86_64__ && !defined REDACT_PORTABLE
	if (__builtin_cpu_supports("avx2"))
		return skip_avx2(g, p, i, end);
#endif
	while (i < end && !(g->begins[0][p[i]] & g->begins[1][p[i + 1]] & g->begins[2][p[i + 2]]))
		i++;
	return i;
}

/* --- looking ---------------------------------------------------------------------------------- */

/* What of the text is still to be decided by all of them. */
struct look {
	const struct gate *g;
	struct gate_view *v;
	size_t end; /* in the text */
};

/* Text bytes [from, to) are of interest. */
static void find_text(struct look *l, size_t from, size_t to)
{
	const struct dense *d = &l->v->dense;
	l->v->finds[l->v->n++] = (struct gate_find){
		.from = (uint16_t)dense_raw(d, from),
		.to = (uint16_t)(dense_raw(d, to - 1) + 1),
		.before = dense_before(d, from),
	};
}

static void find_needles(struct look *l)
{
	const struct gate *g = l->g;
	const unsigned char *p = l->v->dense.text;
	size_t step = g->window - GRAM + 1, start = l->v->n;
	for (size_t at = 0; at < l->end; at += step) {
		if (!bit(g->grams, gram_hash(g, p + at + step - 1)))
			continue;
		for (size_t i = at; i < at + step; i++)
			if (is_head(g, p + i))
				find_text(l, i, i + g->window);
		if (l->v->n - start > GATE_FOUND - WINDOW_MAX)
			l->end = at + step < l->end ? at + step : l->end;
	}
}

/* The word or prefix at i, or at the dashes before it: its length, 0 for none; *from is moved. */
static size_t word_at(const struct look *l, size_t i, size_t *from)
{
	const struct gate *g = l->g;
	const unsigned char *p = l->v->dense.text;
	size_t n = l->v->dense.n;
	unsigned fit = g->begins[0][p[i]] & g->begins[1][p[i + 1]] & g->begins[2][p[i + 2]];
	if (!fit)
		return 0;
	*from = fit & LATE && i >= DASHES ? i - DASHES : i;
	size_t len = words_begin(g->words, p + *from, n - *from);
	if (len || !(fit & ~(unsigned)LATE))
		return len;
	*from = i;
	return words_begin(g->words, p + i, n - i);
}

static void find_words(struct look *l)
{
	const struct gate *g = l->g;
	const unsigned char *p = l->v->dense.text;
	size_t start = l->v->n;
	for (size_t i = 0; i < l->end + DASHES; i++) {
		i = word_skip(g, p, i, l->end + DASHES);
		if (i >= l->end + DASHES)
			break;
		size_t from = i, len = word_at(l, i, &from);
		if (len)
			find_text(l, from, from + len);
		if (l->v->n - start == GATE_FOUND)
			l->end = i < l->end ? i : l->end;
	}
}

/* Whether something may begin within a control sequence and go on behind it. */
static bool begins_within(const struct look *l, const struct dense_escape *x,
			  const unsigned char *raw)
{
	const struct dense *d = &l->v->dense;
	unsigned char *text = l->v->within;
	size_t body = 0, n = d->n - x->at < GATE_TAIL ? d->n - x->at : GATE_TAIL;
	for (size_t i = 1; i < x->n; i++)
		if (raw[i] != ' ')
			text[body++] = raw[i];
	memcpy(text + body, d->text + x->at, n);
	n += body;
	for (size_t i = 0; i < body; i++)
		if ((i + l->g->window <= n && is_head(l->g, text + i)) ||
		    words_begin(l->g->words, text + i, n - i))
			return true;
	return false;
}

static void find_escape(struct gate_view *v, const struct dense_escape *x, size_t window)
{
	size_t from = x->at < window ? 0 : x->at - window;
	size_t first = x->at < window ? 0 : dense_raw(&v->dense, from);
	v->finds[v->n++] = (struct gate_find){
		.from = (uint16_t)first,
		.to = (uint16_t)(x->raw + x->n),
		.before = first ? dense_before(&v->dense, from) : v->dense.before,
	};
}

/* Escapes that are more than colour are looked at, with a window before them. */
static void find_escapes(struct look *l, const unsigned char *raw)
{
	struct gate_view *v = l->v;
	size_t start = v->n, window = l->g->window;
	for (size_t i = 0; i < v->dense.nescapes; i++) {
		const struct dense_escape *x = &v->dense.escapes[i];
		size_t from = x->at < window ? 0 : x->at - window;
		if (from >= l->end)
			return;
		if (x->csi && !begins_within(l, x, raw + x->raw))
			continue;
		find_escape(v, x, window);
		if (v->n - start == GATE_FOUND)
			l->end = from < l->end ? from : l->end;
	}
}

static void sort_finds(struct gate_view *v)
{
	for (size_t i = 1; i < v->n; i++) {
		struct gate_find one = v->finds[i];
		size_t k = i;
		for (; k && v->finds[k - 1].from > one.from; k--)
			v->finds[k] = v->finds[k - 1];
		v->finds[k] = one;
	}
}

void gate_look(const struct gate *g, struct gate_view *v, const unsigned char *p, size_t n)
{
	v->n = v->limit = 0;
	dense_fill(&v->dense, p, n);
	if (v->dense.n < GATE_LEAST)
		return;
	struct look l = { g, v, v->dense.n - GATE_TAIL };
	memset(v->dense.text + v->dense.n, 0, 64);
	find_needles(&l);
	find_words(&l);
	find_escapes(&l, p);
	sort_finds(v);
	if (l.end == 0)
		return;
	v->limit = dense_raw(&v->dense, l.end);
	v->before = dense_before(&v->dense, l.end);
}
