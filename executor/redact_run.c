/* Most bytes only make a run longer: a machine sees the others, and the one at which it is due. */
#include "executor/redact_run.h"

#include <string.h>

enum {
	JWT_MAX = 1024,
	USER_MAX = 256,
	PASS_MAX = 1024,
	VALUE_MAX = 4096,
	NAME_MAX_BYTES = 8,
	SCHEME_MAX = 8,
	KEY_SEARCH = 512,
	KEY_PROOF = 24,
	KEY_LINE = 16,
	KEY_GAP = 200,
	KEY_LOOK = 40, /* with a line before it, no more than the ring holds */
};

/* --- what all of them do ------------------------------------------------------------------------ */

static void mode_set(struct pattern_run *r, const struct symbol *s, unsigned mode)
{
	s->p->modes = (s->p->modes & ~(1U << r->mode)) | 1U << mode;
	r->mode = (uint8_t)mode;
}

static void due_set(struct pattern_run *r, const struct symbol *s, uint64_t due)
{
	r->due = due;
	if (due < s->p->due)
		s->p->due = due;
}

/* Which byte of its phase s is, from 1 on. */
static uint64_t count(const struct pattern_run *r, const struct symbol *s)
{
	return s->p->seen - r->from;
}

/* The byte that came i bytes before s. */
static unsigned char byte_back(const struct symbol *s, uint64_t i)
{
	return s->p->ring[(s->p->seen - 1 - i) % PATTERN_RING];
}

/* s is the first of what will be masked. */
static void run_start(struct pattern_run *r, const struct symbol *s)
{
	r->start = r->hold = s->at;
	r->from = s->p->seen - 1;
	r->begun = true;
}

/* All from the start of the run to s is masked, and what follows until it ends. */
static void run_sure(struct pattern_run *r, const struct symbol *s)
{
	ranges_add(s->hits, r->start, s->at + 1);
	if (!s->p->sure)
		s->p->sure_to = s->at + 1;
	s->p->sure = (uint16_t)(s->p->sure | 1U << s->slot);
	r->hold = UINT64_MAX;
}

void run_drop(const struct symbol *s, unsigned slot, uint64_t to)
{
	struct pattern *p = s->p;
	unsigned bit = 1U << slot;
	if (p->sure == bit && to > p->sure_to)
		ranges_add(s->hits, p->sure_to, to);
	p->sure = (uint16_t)(p->sure & ~bit);
	p->active = (uint16_t)(p->active & ~bit);
	p->modes &= ~(1U << p->runs[slot].mode);
}

/* --- tokens ------------------------------------------------------------------------------------- */

static bool simple_step(struct pattern_run *r, const struct symbol *s)
{
	const struct words_run *want = &words_runs[s->slot];
	if (!(s->class & want->class))
		return false;
	if (!r->begun) {
		run_start(r, s);
		mode_set(r, s, s->slot);
	}
	if (count(r, s) >= want->min)
		run_sure(r, s);
	else
		due_set(r, s, r->from + want->min);
	return true;
}

/* Exactly so many, and then no part of a word. */
static bool dot_step(struct pattern_run *r, const struct symbol *s)
{
	if (r->phase) {
		if (!(s->class & C_WORD))
			ranges_add(s->hits, r->start, s->before);
		return false;
	}
	if (!(s->class & C_ALNUM))
		return false;
	if (!r->begun) {
		run_start(r, s);
		mode_set(r, s, DOT);
		due_set(r, s, r->from + words_runs[DOT].min);
	} else {
		r->phase = 1;
		mode_set(r, s, ALERT + DOT);
	}
	return true;
}

/* "eyJ" was read: the head, then ".eyJ" proves it. */
static bool jwt_step(struct pattern_run *r, const struct symbol *s)
{
	static const char proof[] = ".eyJ";
	if (s->c != (unsigned char)proof[r->phase])
		return false;
	mode_set(r, s, ++r->phase == 4 ? (unsigned)JWT : ALERT + JWT);
	if (r->phase == 4)
		run_sure(r, s);
	return true;
}

/* "://" was read: a user, a colon, then the password until the last @ of the authority. */
static bool user_step(struct pattern_run *r, const struct symbol *s)
{
	if (r->phase == 0) {
		r->phase = 1;
		mode_set(r, s, ALERT + USER);
		return s->c == ':';
	}
	if (!(s->class & C_PASS) || (r->begun && count(r, s) > PASS_MAX))
		return false;
	if (s->c == '@' && r->begun) {
		ranges_add(s->hits, r->start, s->before);
		r->hold = s->before;
	}
	if (!r->begun) {
		run_start(r, s);
		mode_set(r, s, USER_PASS);
	}
	due_set(r, s, r->from + PASS_MAX + 1);
	return true;
}

/* --- headers ------------------------------------------------------------------------------------ */

enum { H_NAME, H_VALUE, H_AUTH_NAME, H_AUTH_SCHEME };

/* The n bytes before s. */
static bool scheme_is_known(const struct symbol *s, size_t n, bool *basic)
{
	static const char *const schemes[] = { "basic", "bearer", "token" };
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		size_t same = 0;
		while (same < n &&
		       words_lower(byte_back(s, n - same)) == (unsigned char)schemes[i][same])
			same++;
		if (same == n && !schemes[i][n]) {
			*basic = i == 0;
			return true;
		}
	}
	return false;
}

/* Behind a header's name: quotes, one colon or equals sign, spaces; then the scheme or the value. */
static bool header_name(struct pattern_run *r, const struct symbol *s)
{
	bool sign = s->c == ':' || s->c == '=';
	if (sign || s->c == ' ' || s->c == '"' || s->c == '\'' || s->c == '[') {
		r->since = (uint8_t)(r->since | sign);
		return ++r->n <= NAME_MAX_BYTES;
	}
	if (!r->since)
		return false;
	r->phase = r->phase == H_NAME ? H_VALUE : H_AUTH_SCHEME;
	r->from = s->p->seen - 1;
	return true;
}

static bool header_scheme(struct pattern_run *r, const struct symbol *s)
{
	uint64_t n = count(r, s);
	if (s->c != ' ') {
		mode_set(r, s, s->slot);
		due_set(r, s, r->from + SCHEME_MAX);
		return n < SCHEME_MAX;
	}
	r->phase = H_VALUE;
	mode_set(r, s, ALERT + s->slot);
	return scheme_is_known(s, (size_t)n - 1, &r->basic);
}

/* "Basic" waits for its end: a registered value in it is masked more exactly than all of it. */
static bool header_value(struct pattern_run *r, const struct symbol *s)
{
	if (!(s->class & C_VALUE)) {
		if (r->basic && r->begun && !r->touched)
			ranges_add(s->hits, r->start, s->before);
		return false;
	}
	if (!r->begun) {
		run_start(r, s);
		mode_set(r, s, VALUE + (s->slot - HEADER));
	}
	r->basic = r->basic && count(r, s) < VALUE_MAX;
	if (r->basic)
		due_set(r, s, r->from + VALUE_MAX);
	else
		run_sure(r, s);
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

/* --- keys --------------------------------------------------------------------------------------- */

enum { K_LABEL, K_DASHES, K_SEARCH, K_BODY, K_END_LABEL, K_END_DASHES };

static bool is_private_key(const struct symbol *s, size_t n)
{
	unsigned char label[PATTERN_LABEL];
	for (size_t i = 0; i < n; i++)
		label[i] = byte_back(s, n - i);
	return memmem(label, n, "PRIVATE KEY", 11);
}

static bool key_label(struct pattern_run *r, const struct symbol *s)
{
	if (s->c != '-')
		return false;
	r->phase = K_DASHES;
	r->n = 1;
	mode_set(r, s, ALERT + KEY);
	return is_private_key(s, (size_t)count(r, s) - 1);
}

static bool key_dashes(struct pattern_run *r, const struct symbol *s)
{
	if (++r->n == 5) {
		r->phase = K_SEARCH;
		r->from = r->mark = s->p->seen;
		mode_set(r, s, NO_END);
		due_set(r, s, r->mark + KEY_PROOF);
	}
	return s->c == '-';
}

/* Behind the BEGIN line: a long run of base64 proves a key. */
static bool key_search(struct pattern_run *r, const struct symbol *s)
{
	uint64_t run = 0, most = s->p->seen - r->mark;
	while (run < most && s->words->classes[byte_back(s, run)] & C_BASE64)
		run++;
	r->mark = s->p->seen - run;
	if (run >= KEY_PROOF) {
		r->phase = K_BODY;
		r->mark = s->p->seen;
		run_sure(r, s);
		due_set(r, s, r->mark + KEY_LOOK);
		return true;
	}
	uint64_t proof = r->mark + KEY_PROOF, end = r->from + KEY_SEARCH;
	due_set(r, s, proof < end ? proof : end);
	return s->p->seen < end;
}

/* Within a key: until END, or until no more lines of it come; mark is where the last one was. */
static bool key_body(struct pattern_run *r, const struct symbol *s)
{
	uint64_t seen = s->p->seen;
	for (uint64_t k = 0, run = 0; k < KEY_LOOK + KEY_LINE && k < seen; k++) {
		run = s->words->classes[byte_back(s, k)] & C_BASE64 ? run + 1 : 0;
		if (run == KEY_LINE) {
			uint64_t line = seen - (k - (KEY_LINE - 1));
			r->mark = line > r->mark ? line : r->mark;
			break;
		}
	}
	uint64_t end = r->mark + KEY_GAP + 1;
	due_set(r, s, seen + KEY_LOOK < end ? seen + KEY_LOOK : end);
	return seen < end;
}

static bool key_end(struct pattern_run *r, const struct symbol *s)
{
	if (s->c == '-') {
		r->phase = K_END_DASHES;
		r->n++;
		mode_set(r, s, ALERT + KEY);
	}
	if (s->c != '-' || r->n < 5)
		return s->c == '-';
	ranges_add(s->hits, r->start, s->at + 1);
	return false;
}

static bool key_step(struct pattern_run *r, const struct symbol *s)
{
	static bool (*const phases[])(struct pattern_run *, const struct symbol *) = {
		[K_LABEL] = key_label, [K_DASHES] = key_dashes, [K_SEARCH] = key_search,
		[K_BODY] = key_body,   [K_END_LABEL] = key_end, [K_END_DASHES] = key_end,
	};
	return phases[r->phase](r, s);
}

bool run_is_key_body(const struct pattern_run *r)
{
	return r->phase >= K_BODY;
}

bool run_may_be_key(const struct pattern_run *r)
{
	return r->phase >= K_SEARCH;
}

void run_key_ends(struct pattern_run *r, const struct symbol *s)
{
	r->phase = K_END_LABEL;
	r->n = 0;
	r->from = s->p->seen;
	mode_set(r, s, END_LABEL);
	due_set(r, s, r->from + PATTERN_LABEL + 1);
	run_sure(r, s);
}

/* --- all ---------------------------------------------------------------------------------------- */

bool run_step(struct pattern_run *r, const struct symbol *s)
{
	static bool (*const steps[KINDS])(struct pattern_run *, const struct symbol *) = {
		[PREFIX] = simple_step, [LONG] = simple_step,       [NPM] = simple_step,
		[PYPI] = simple_step,   [AWS] = simple_step,        [DOT] = dot_step,
		[JWT] = jwt_step,       [USER] = user_step,         [PARAM] = simple_step,
		[HEADER] = header_step, [HEADER_TOO] = header_step, [KEY] = key_step,
	};
	r->due = UINT64_MAX;
	return steps[s->slot](r, s);
}

void run_begin(struct pattern_run *r, const struct symbol *s, unsigned kind, size_t len)
{
	static const struct {
		uint8_t mode;
		bool whole; /* the word is masked, too */
		uint16_t most;
	} first[KINDS] = {
		[JWT] = { JWT_HEAD, true, JWT_MAX },
		[USER] = { USER, false, USER_MAX },
		[KEY] = { LABEL, true, PATTERN_LABEL },
	};
	r->hold = r->due = UINT64_MAX;
	r->from = s->p->seen;
	r->phase = kind == AUTHORIZATION ? H_AUTH_NAME : 0;
	r->mode = (uint8_t)(first[s->slot].most ? first[s->slot].mode : ALERT + s->slot);
	if (first[s->slot].whole)
		r->hold = r->start = lane_offset(s->text, (uint32_t)len, s->at);
	if (first[s->slot].most)
		due_set(r, s, r->from + first[s->slot].most);
	s->p->modes |= 1U << r->mode;
}
