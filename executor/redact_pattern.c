/* Patterns: a word begins one, a small machine for each kind follows it byte by byte. */
#include "executor/redact_pattern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum kind { PREFIX, LONG, NPM, PYPI, AWS, DOT, JWT, USER, PARAM, HEADER, HEADER_TOO, KEY, KINDS };
/* Words that begin no run of their own kind. */
enum { AUTHORIZATION = KINDS, KEY_END };

enum {
	C_ALNUM = 1,
	C_UPPER = 2,
	C_TOKEN = 4,
	C_BASE64 = 8,
	C_JWT = 16,
	C_USER = 32,
	C_PASS = 64,
	C_PARAM = 128,
	C_VALUE = 256,
	C_WORD = 512,
	C_LABEL = 1024,
};

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

struct word {
	const char *text;
	uint8_t kind;
};

static const struct word words[] = {
	{ "glpat-", PREFIX },
	{ "glrt-", PREFIX },
	{ "glrtr-", PREFIX },
	{ "gldt-", PREFIX },
	{ "glcbt-", PREFIX },
	{ "glptt-", PREFIX },
	{ "glft-", PREFIX },
	{ "glimt-", PREFIX },
	{ "glagent-", PREFIX },
	{ "gloas-", PREFIX },
	{ "glsoat-", PREFIX },
	{ "glffct-", PREFIX },
	{ "gltok-", PREFIX },
	{ "_gitlab_session=", PREFIX },
	{ "ghp_", LONG },
	{ "gho_", LONG },
	{ "ghu_", LONG },
	{ "ghs_", LONG },
	{ "ghr_", LONG },
	{ "github_pat_", LONG },
	{ "hvs.", LONG },
	{ "hvb.", LONG },
	{ "hvr.", LONG },
	{ "xoxa-", LONG },
	{ "xoxb-", LONG },
	{ "xoxp-", LONG },
	{ "xoxr-", LONG },
	{ "xoxs-", LONG },
	{ "dckr_pat_", LONG },
	{ "npm_", NPM },
	{ "pypi-", PYPI },
	{ "akia", AWS },
	{ "asia", AWS },
	{ "s.", DOT },
	{ "eyj", JWT },
	{ "://", USER },
	{ "authorization", AUTHORIZATION },
	{ "x-vault-token", HEADER },
	{ "private-token", HEADER },
	{ "job-token", HEADER },
	{ "-----begin ", KEY },
	{ "-----end ", KEY_END },
};

static const char *const param_names[] = {
	"private_token",    "authenticity_token",   "rss_token", "x-amz-signature",
	"x-amz-credential", "x-amz-security-token", "sig",       "access_token",
	"x-goog-signature",
};
static const char *const param_starts[] = { "?", "&", "&amp;", "\\u0026" };

static uint8_t lower(unsigned char c)
{
	return (uint8_t)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* What a run of one class of bytes after a word has to be. */
static const struct simple {
	uint16_t class, min;
} simple[] = {
	[PREFIX] = { C_TOKEN, 1 }, [LONG] = { C_TOKEN, 12 }, [NPM] = { C_ALNUM, 20 },
	[PYPI] = { C_TOKEN, 32 },  [AWS] = { C_UPPER, 16 },  [DOT] = { C_ALNUM, 24 },
	[PARAM] = { C_PARAM, 1 },
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
	const struct simple *want = &simple[s->kind];
	if (!(s->class & want->class))
		return false;
	if (r->n < want->min)
		run_take(r, s);
	r->hold = r->start;
	if (r->n >= want->min)
		run_mask(r, s);
	return true;
}

/* Exactly so many, and then no part of a word. */
static bool dot_step(struct pattern_run *r, const struct symbol *s)
{
	if (r->n < simple[DOT].min && s->class & C_ALNUM) {
		run_take(r, s);
		r->hold = r->start;
		return true;
	}
	if (r->n == simple[DOT].min && !(s->class & C_WORD))
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

static bool header_step(struct pattern_run *r, const struct symbol *s)
{
	if ((r->phase == H_NAME || r->phase == H_AUTH_NAME) && !header_name(r, s))
		return false;
	if (r->phase == H_AUTH_SCHEME && s->c != ' ') {
		r->label[r->since++] = (char)lower(s->c);
		return r->since < 8;
	}
	if (r->phase == H_AUTH_SCHEME) {
		r->phase = H_VALUE;
		return scheme_is_known(r, &r->basic);
	}
	if (r->phase != H_VALUE)
		return true;
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

enum { K_LABEL, K_DASHES, K_SEARCH, K_BODY, K_END_LABEL, K_END_DASHES };

static bool key_label(struct pattern_run *r, const struct symbol *s)
{
	if (s->c == '-') {
		r->label[r->n] = '\0';
		r->phase = K_DASHES;
		r->n = 1;
		return strstr(r->label, "PRIVATE KEY");
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
	static bool (*const phases[])(struct pattern_run *, const struct symbol *) = {
		[K_LABEL] = key_label, [K_DASHES] = key_dashes, [K_SEARCH] = key_search,
		[K_BODY] = key_body,   [K_END_LABEL] = key_end, [K_END_DASHES] = key_end,
	};
	return phases[r->phase](r, s);
}

static bool (*const steps[KINDS])(struct pattern_run *, const struct symbol *) = {
	[PREFIX] = simple_step, [LONG] = simple_step,       [NPM] = simple_step,
	[PYPI] = simple_step,   [AWS] = simple_step,        [DOT] = dot_step,
	[JWT] = jwt_step,       [USER] = user_step,         [PARAM] = simple_step,
	[HEADER] = header_step, [HEADER_TOO] = header_step, [KEY] = key_step,
};

void pattern_reset(struct pattern *p)
{
	p->state = 0;
	p->active = 0;
	p->seen = 0;
	p->before[0] = p->before[1] = ' ';
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

/* A word of this kind, len bytes long, ends at s. */
static void begin(const struct pattern_set *set, struct pattern *p, unsigned kind,
		  const struct symbol *s, size_t len)
{
	enum kind slot = slot_of(p, kind);
	bool busy = p->active >> slot & 1;
	if (kind == KEY_END) {
		key_ends(p, s);
		return;
	}
	if (busy && slot != HEADER_TOO && !(slot == KEY && p->runs[KEY].phase < K_BODY))
		return;
	if ((slot == DOT && set->classes[p->before[0]] & C_WORD) ||
	    ((slot == AWS || slot == JWT) && !(s->class & C_UPPER)))
		return;
	struct pattern_run *r = &p->runs[slot];
	memset(r, 0, sizeof *r);
	r->hold = UINT64_MAX;
	r->phase = kind == AUTHORIZATION ? H_AUTH_NAME : 0;
	if (slot == JWT || slot == KEY)
		r->hold = r->start = p->ring[(p->seen - len) % PATTERN_RING];
	p->active = (uint16_t)(p->active | 1U << slot);
}

static void run_all(struct pattern *p, struct symbol *s)
{
	for (unsigned left = p->active; left; left &= left - 1) {
		s->kind = (enum kind)__builtin_ctz(left);
		if (!steps[s->kind](&p->runs[s->kind], s))
			p->active = (uint16_t)(p->active & ~(1U << s->kind));
	}
}

void pattern_step(const struct pattern_set *set, struct pattern *p, unsigned char c, uint64_t at,
		  struct ranges *hits)
{
	struct symbol s = { c, set->classes[c], at, KINDS, hits };
	const struct automaton *a = &set->words;
	if (p->active)
		run_all(p, &s);
	p->ring[p->seen++ % PATTERN_RING] = at;
	p->state = automaton_step(a, p->state, lower(c));
	for (uint32_t t = p->state; a->states[t].out; t = automaton_fail(a, t))
		if (set->kinds[t])
			begin(set, p, set->kinds[t] - 1U, &s, a->states[t].depth);
	p->before[0] = p->before[1];
	p->before[1] = c;
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
	run_all(p, &s);
	pattern_reset(p);
}

uint64_t pattern_hold(const struct pattern_set *set, const struct pattern *p)
{
	uint64_t hold = UINT64_MAX;
	uint32_t depth = set->words.states[p->state].depth;
	if (depth)
		hold = p->ring[(p->seen - depth) % PATTERN_RING];
	for (unsigned left = p->active; left; left &= left - 1) {
		const struct pattern_run *r = &p->runs[__builtin_ctz(left)];
		hold = r->hold < hold ? r->hold : hold;
	}
	return hold;
}

size_t pattern_begins(const struct pattern_set *set, const unsigned char *p, size_t n)
{
	const struct automaton *a = &set->words;
	uint32_t state = 0;
	for (size_t i = 0; i < n && i < PATTERN_RING; i++) {
		state = automaton_step(a, state, lower(p[i]));
		if (a->states[state].depth != i + 1)
			return 0;
		if (a->states[state].out == i + 1)
			return i + 1;
	}
	return 0;
}

/* --- building --------------------------------------------------------------------------------- */

static const struct class_row {
	uint16_t class;
	bool but; /* every printable byte but these, bytes from 0x80 on included */
	const char *also;
} class_rows[] = {
	{ C_ALNUM, false, "" },
	{ C_TOKEN, false, "-._=" },
	{ C_BASE64, false, "+/=" },
	{ C_JWT, false, "-_" },
	{ C_USER, true, "/?#@:\"'<>\\|`" },
	{ C_PASS, true, "/?#\"<>\\`" },
	{ C_PARAM, true, "?&\"<>" },
	{ C_VALUE, false, "-._~+/=" },
	{ C_WORD, false, "_" },
};

static uint16_t class_of(unsigned char c)
{
	bool letter = lower(c) >= 'a' && lower(c) <= 'z', digit = c >= '0' && c <= '9';
	bool capital = c >= 'A' && c <= 'Z';
	unsigned class = capital || digit ? C_UPPER | C_LABEL : 0;
	class |= c == ' ' ? C_LABEL : 0;
	for (size_t i = 0; i < sizeof class_rows / sizeof *class_rows; i++) {
		const struct class_row *row = &class_rows[i];
		bool named = c && strchr(row->also, c);
		bool in = row->but ? c > ' ' && c != 0x7f && !named : letter || digit || named;
		class |= in ? row->class : 0;
	}
	return (uint16_t) class;
}

/* a then b then c, in lower case, as a needle. */
static int word_add(struct pattern_set *s, const char *const part[3], unsigned kind,
		    struct redact_region *r, struct err *e)
{
	size_t n = strlen(part[0]) + strlen(part[1]) + strlen(part[2]), at = 0;
	unsigned char *p = region_take(r, n, e);
	if (!p)
		return -1;
	for (unsigned i = 0; i < 3; i++)
		for (const char *c = part[i]; *c; c++)
			p[at++] = lower((unsigned char)*c);
	s->needles[s->nneedles++] = (struct needle){ p, (uint32_t)n, kind + 1 };
	return 0;
}

static int words_add(struct pattern_set *s, const char *const *prefixes, struct redact_region *r,
		     struct err *e)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (word_add(s, (const char *[]){ words[i].text, "", "" }, words[i].kind, r, e) < 0)
			return -1;
	for (size_t k = 0; k < sizeof param_starts / sizeof *param_starts; k++)
		for (size_t i = 0; i < sizeof param_names / sizeof *param_names; i++)
			if (word_add(s, (const char *[]){ param_starts[k], param_names[i], "=" },
				     PARAM, r, e) < 0)
				return -1;
	for (size_t i = 0; prefixes[i]; i++)
		if (word_add(s, (const char *[]){ prefixes[i], "", "" }, PREFIX, r, e) < 0)
			return -1;
	return 0;
}

static void kinds_fill(struct pattern_set *s)
{
	for (size_t i = 0; i < s->nneedles; i++) {
		uint32_t state = 0;
		for (uint32_t k = 0; k < s->needles[i].n; k++)
			state = automaton_step(&s->words, state, s->needles[i].p[k]);
		s->kinds[state] = (uint8_t)s->needles[i].tag;
	}
}

int pattern_build(struct pattern_set *s, const char *const *prefixes, struct redact_region *r,
		  struct err *e)
{
	size_t most = sizeof words / sizeof *words + PATTERN_PREFIXES +
		      sizeof param_names / sizeof *param_names *
			      (sizeof param_starts / sizeof *param_starts);
	s->needles = region_take(r, most * sizeof *s->needles, e);
	s->classes = s->needles ? region_take(r, 256 * sizeof *s->classes, e) : NULL;
	if (!s->classes || words_add(s, prefixes, r, e) < 0 ||
	    automaton_build(&s->words, s->needles, &s->nneedles, r, e) < 0)
		return -1;
	s->kinds = region_take(r, s->words.nstates, e);
	if (!s->kinds)
		return -1;
	kinds_fill(s);
	for (unsigned c = 0; c < 256; c++)
		s->classes[c] = class_of((unsigned char)c);
	return 0;
}
