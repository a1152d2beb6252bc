/* Patterns: a word begins one, a small machine for each kind follows it byte by byte. */
#include "executor/redact_pattern.h"

#include <string.h>

enum {
	JWT_HEAD = 1024,
	USER_MAX = 256,
	PASS_MAX = 1024,
	VALUE_MAX = 4096,
	KEY_SEARCH = 512,
	KEY_PROOF = 24,
	KEY_LINE = 16,
	KEY_GAP = 200,
	CUT_MIN = 8,
};

/* A byte on its way through the machines. */
struct symbol {
	unsigned char c;
	uint16_t class;
	uint64_t at;
	enum kind kind;
	struct ranges *hits;
};

/* All from the start of the run to s is masked; what comes between s and the next byte may be. */
static void run_mask(struct pattern_run *r, const struct symbol *s)
{
	r->sure = true;
	r->last = r->hold = s->at + 1;
	ranges_add(s->hits, r->start, r->last);
}

static void run_take(struct pattern_run *r, const struct symbol *s)
{
	if (r->n++ == 0)
		r->start = s->at;
	r->last = s->at + 1;
}

static bool simple_step(struct pattern_run *r, const struct symbol *s)
{
	const struct words_run *want = &words_runs[s->kind];
	if (!(s->class & want->class))
		return false;
	if (r->n < want->min)
		run_take(r, s);
	r->hold = r->start;
	if (r->n >= want->min) {
		run_mask(r, s);
		r->hold = UINT64_MAX; /* from here on sure_go_on has it */
	}
	return true;
}

/* Exactly so many, and then no part of a word. */
static bool dot_step(struct pattern_run *r, const struct symbol *s)
{
	if (r->n < words_runs[DOT].min && s->class & C_ALNUM) {
		run_take(r, s);
		r->hold = r->start;
		return true;
	}
	if (r->n == words_runs[DOT].min && !(s->class & C_WORD))
		ranges_add(s->hits, r->start, r->last);
	return false;
}

/* "eyJ" was read: the head, then ".eyJ" proves it. */
static bool jwt_step(struct pattern_run *r, const struct symbol *s)
{
	static const char proof[] = ".eyJ";
	if (r->phase == 4) {
		if (!(s->class & C_JWT) && s->c != '.')
			return false;
		run_mask(r, s);
		return true;
	}
	if (s->c == (unsigned char)proof[r->phase]) {
		if (++r->phase == 4)
			run_mask(r, s);
		return true;
	}
	return r->phase == 0 && s->class & C_JWT && ++r->n < JWT_HEAD;
}

/* "://" was read: a user, a colon, then the password until the last @ of the authority. */
static bool user_step(struct pattern_run *r, const struct symbol *s)
{
	if (r->phase == 0) {
		r->phase = s->c == ':';
		r->n = r->phase ? 0 : (uint16_t)(r->n + 1);
		return r->phase || (s->class & C_USER && r->n < USER_MAX);
	}
	if (!(s->class & C_PASS) || r->n == PASS_MAX)
		return false;
	if (s->c == '@' && r->n) {
		ranges_add(s->hits, r->start, r->last);
		r->hold = s->at;
	} else if (r->n == 0) {
		r->hold = s->at;
	}
	run_take(r, s);
	return true;
}

static bool scheme_is_known(const struct pattern_run *r, bool *basic)
{
	static const char *const schemes[] = { "basic", "bearer", "token" };
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (r->since == strlen(schemes[i]) && !memcmp(r->label, schemes[i], r->since)) {
			*basic = i == 0;
			return true;
		}
	return false;
}

enum { H_NAME, H_VALUE, H_AUTH_NAME, H_AUTH_SCHEME };

/* Behind a header's name: quotes, one colon or equals sign, spaces; then the scheme or the value. */
static bool header_name(struct pattern_run *r, const struct symbol *s)
{
	bool sign = s->c == ':' || s->c == '=';
	if (sign || s->c == ' ' || s->c == '"' || s->c == '\'' || s->c == '[') {
		r->since = (uint16_t)(r->since | sign);
		return ++r->n <= 8;
	}
	if (!r->since)
		return false;
	r->phase = r->phase == H_NAME ? H_VALUE : H_AUTH_SCHEME;
	r->n = r->since = 0;
	return true;
}

static bool header_scheme(struct pattern_run *r, const struct symbol *s)
{
	if (s->c != ' ') {
		r->label[r->since++] = (char)words_lower(s->c);
		return r->since < 8;
	}
	r->phase = H_VALUE;
	return scheme_is_known(r, &r->basic);
}

/* "Basic" waits for its end: a registered value in it is masked more exactly than all of it. */
static bool header_value(struct pattern_run *r, const struct symbol *s)
{
	if (!(s->class & C_VALUE)) {
		if (r->basic && r->n && !r->touched)
			ranges_add(s->hits, r->start, r->last);
		return false;
	}
	if (r->n < VALUE_MAX)
		run_take(r, s);
	r->basic = r->basic && r->n < VALUE_MAX;
	r->hold = r->start;
	if (!r->basic)
		run_mask(r, s);
	return true;
}

static bool header_step(struct pattern_run *r, const struct symbol *s)
{
	if ((r->phase == H_NAME || r->phase == H_AUTH_NAME) && !header_name(r, s))
		return false;
	if (r->phase == H_AUTH_SCHEME)
		return header_scheme(r, s);
	return r->phase != H_VALUE || header_value(r, s);
}

enum { K_LABEL, K_DASHES, K_SEARCH, K_BODY, K_END_LABEL, K_END_DASHES };

static bool key_label(struct pattern_run *r, const struct symbol *s)
{
	if (s->c == '-') {
		bool is_key = memmem(r->label, r->n, "PRIVATE KEY", 11);
		r->phase = K_DASHES;
		r->n = 1;
		return is_key;
	}
	r->label[r->n++] = (char)s->c;
	return s->class & C_LABEL && r->n < PATTERN_LABEL;
}

static bool key_dashes(struct pattern_run *r, const struct symbol *s)
{
	if (++r->n == 5) {
		r->phase = K_SEARCH;
		r->n = r->since = 0;
	}
	return s->c == '-';
}

/* Behind the BEGIN line: a long run of base64 proves a key. n counts bytes, since the run. */
static bool key_search(struct pattern_run *r, const struct symbol *s)
{
	r->since = s->class & C_BASE64 ? (uint16_t)(r->since + 1) : 0;
	if (r->since == KEY_PROOF) {
		r->phase = K_BODY;
		r->n = 0;
		run_mask(r, s);
		return true;
	}
	return ++r->n < KEY_SEARCH;
}

/* Within a key: until END, or until no more lines of it come. n counts bytes since the last one. */
static bool key_body(struct pattern_run *r, const struct symbol *s)
{
	r->since = s->class & C_BASE64 ? (uint16_t)(r->since + (r->since < KEY_LINE)) : 0;
	r->n = r->since == KEY_LINE ? 0 : (uint16_t)(r->n + 1);
	if (r->n > KEY_GAP)
		return false;
	run_mask(r, s);
	return true;
}

static bool key_end(struct pattern_run *r, const struct symbol *s)
{
	if (s->c == '-') {
		r->phase = K_END_DASHES;
		r->n++;
	}
	if (r->phase == K_END_LABEL && (!(s->class & C_LABEL) || ++r->since > PATTERN_LABEL))
		return false;
	if (r->phase == K_END_DASHES && s->c != '-')
		return false;
	run_mask(r, s);
	return r->n < 5;
}

static bool key_step(struct pattern_run *r, const struct symbol *s)
{
	/* Most bytes: not by way of a table. */
	if (r->phase == K_SEARCH)
		return key_search(r, s);
	if (r->phase == K_LABEL)
		return key_label(r, s);
	static bool (*const phases[])(struct pattern_run *, const struct symbol *) = {
		[K_DASHES] = key_dashes,
		[K_BODY] = key_body,
		[K_END_LABEL] = key_end,
		[K_END_DASHES] = key_end,
	};
	return phases[r->phase](r, s);
}

/* Kinds whose step is simple_step. */
enum { SIMPLE = 1 << PREFIX | 1 << LONG | 1 << NPM | 1 << PYPI | 1 << AWS | 1 << PARAM };

static bool (*const steps[KINDS])(struct pattern_run *, const struct symbol *) = {
	[PREFIX] = simple_step, [LONG] = simple_step,       [NPM] = simple_step,
	[PYPI] = simple_step,   [AWS] = simple_step,        [DOT] = dot_step,
	[JWT] = jwt_step,       [USER] = user_step,         [PARAM] = simple_step,
	[HEADER] = header_step, [HEADER_TOO] = header_step, [KEY] = key_step,
};

/* The byte that came i bytes before the last one. */
static unsigned char pattern_back(const struct pattern *p, unsigned i)
{
	return (unsigned char)p->ring[(p->seen - 1 - i) % PATTERN_RING];
}

/* How many bytes have come from offset at on, which is one of the last few; 0: it is not. */
static unsigned bytes_since(const struct pattern *p, uint64_t at)
{
	for (unsigned i = 0; i + 1 < PATTERN_RING && i < p->seen; i++)
		if (p->ring[(p->seen - 1 - i) % PATTERN_RING] >> 8 == at)
			return i + 1;
	return 0;
}

bool pattern_knows(const struct pattern *p, uint64_t at)
{
	return bytes_since(p, at) != 0;
}

struct dense_back pattern_before(const struct pattern *p, uint64_t at)
{
	unsigned i = bytes_since(p, at), run = 0;
	struct dense_back back = { p->seen ? pattern_back(p, i) : ' ', 0 };
	while (i < p->seen && i < PATTERN_RING && pattern_back(p, i) != ' ') {
		run++;
		i++;
	}
	run += i == p->seen ? p->run : 0U;
	back.run = (uint8_t)(run < DENSE_WRAP ? run : DENSE_WRAP);
	return back;
}

void pattern_start(struct pattern *p, struct dense_back before)
{
	pattern_reset(p);
	p->ring[PATTERN_RING - 1] = before.byte;
	p->run = before.run;
}

void pattern_reset(struct pattern *p)
{
	p->state = 0;
	p->active = p->sure = 0;
	p->seen = 0;
	p->run = 0;
	for (unsigned i = 1; i <= 3; i++)
		p->ring[PATTERN_RING - i] = ' ';
}

/* The END line of a key that is being looked at: all of it is one. */
static void key_ends(struct pattern *p, const struct symbol *s)
{
	struct pattern_run *r = &p->runs[KEY];
	if (!(p->active >> KEY & 1) || r->phase < K_SEARCH)
		return;
	r->phase = K_END_LABEL;
	r->n = r->since = 0;
	run_mask(r, s);
}

static enum kind slot_of(const struct pattern *p, unsigned kind)
{
	if (kind != AUTHORIZATION && kind != HEADER)
		return (enum kind)kind;
	return p->active >> HEADER & 1 ? HEADER_TOO : HEADER;
}

/* Whether a run of this kind may begin now, at the end of its word. */
static bool may_begin(const struct words *set, const struct pattern *p, enum kind slot,
		      const struct symbol *s)
{
	bool busy = p->active >> slot & 1;
	if (busy && slot != HEADER_TOO && !(slot == KEY && p->runs[KEY].phase < K_BODY))
		return false;
	if (slot == DOT)
		return !(set->classes[pattern_back(p, 2)] & C_WORD);
	return (slot != AWS && slot != JWT) || s->class & C_UPPER;
}

/* A word of this kind, len bytes long, ends at s. */
static void begin(const struct words *set, struct pattern *p, unsigned kind, const struct symbol *s,
		  size_t len)
{
	if (kind == KEY_END) {
		key_ends(p, s);
		return;
	}
	enum kind slot = slot_of(p, kind);
	if (!may_begin(set, p, slot, s))
		return;
	struct pattern_run *r = &p->runs[slot];
	memset(r, 0, sizeof *r);
	r->hold = UINT64_MAX;
	r->phase = kind == AUTHORIZATION ? H_AUTH_NAME : 0;
	if (slot == JWT || slot == KEY)
		r->hold = r->start = p->ring[(p->seen - len) % PATTERN_RING] >> 8;
	p->active = (uint16_t)(p->active | 1U << slot);
}

static inline __attribute__((always_inline)) void run_all(struct pattern *p, struct symbol *s)
{
	for (unsigned left = p->active & ~(unsigned)p->sure; left; left &= left - 1) {
		s->kind = (enum kind)__builtin_ctz(left);
		struct pattern_run *r = &p->runs[s->kind];
		if (!steps[s->kind](r, s))
			p->active = (uint16_t)(p->active & ~(1U << s->kind));
		else if (r->sure && SIMPLE >> s->kind & 1)
			p->sure = (uint16_t)(p->sure | 1U << s->kind);
	}
	p->sure_to = s->at + 1;
}

/* Runs that mask already and have only to see where their class ends: all of them in one. */
static void sure_go_on(struct pattern *p, unsigned lasts, const struct symbol *s)
{
	unsigned ends = p->sure & ~lasts;
	p->active = (uint16_t)(p->active & ~ends);
	p->sure = (uint16_t)(p->sure & ~ends);
	if (p->sure)
		ranges_add(s->hits, p->sure_to, s->at + 1);
}

void pattern_go_on(const struct words *set, struct pattern *p, uint64_t last, struct ranges *hits)
{
	struct symbol s = { (unsigned char)last, set->classes[last & 255], last >> 8, KINDS, hits };
	if (p->sure)
		sure_go_on(p, set->lasts[last & 255], &s);
	run_all(p, &s);
}

void pattern_begin(const struct words *set, struct pattern *p, uint64_t last, struct ranges *hits)
{
	const struct automaton *a = &set->lower;
	struct symbol s = { (unsigned char)last, set->classes[last & 255], last >> 8, KINDS, hits };
	for (uint32_t t = p->state; a->states[t].out; t = automaton_fail(a, t))
		if (set->kinds[t])
			begin(set, p, set->kinds[t] - 1U, &s, a->states[t].depth);
}

void pattern_touched(struct pattern *p, uint64_t to)
{
	for (unsigned k = HEADER; k <= HEADER_TOO; k++)
		if (p->runs[k].n && to > p->runs[k].start)
			p->runs[k].touched = true;
}

void pattern_end(struct pattern *p, bool cut, struct ranges *hits)
{
	struct symbol s = { '\0', 0, 0, KINDS, hits };
	for (unsigned left = p->active; cut && left; left &= left - 1) {
		const struct pattern_run *r = &p->runs[__builtin_ctz(left)];
		unsigned k = (unsigned)__builtin_ctz(left);
		if (!r->sure && r->hold == r->start && r->n >= CUT_MIN && k != JWT && k != KEY)
			ranges_add(hits, r->start, r->last);
	}
	p->active = (uint16_t)(p->active & (1U << DOT | 1U << HEADER | 1U << HEADER_TOO));
	run_all(p, &s);
	pattern_reset(p);
}

uint64_t pattern_hold(const struct words *set, const struct pattern *p)
{
	uint64_t hold = UINT64_MAX;
	uint32_t depth = set->lower.states[p->state].depth;
	if (depth)
		hold = p->ring[(p->seen - depth) % PATTERN_RING] >> 8;
	if (p->sure && p->sure_to < hold)
		hold = p->sure_to;
	for (unsigned left = p->active; left; left &= left - 1) {
		const struct pattern_run *r = &p->runs[__builtin_ctz(left)];
		hold = r->hold < hold ? r->hold : hold;
	}
	return hold;
}
